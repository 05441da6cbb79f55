//! Conditions on an encryption context: of grants and of narrowed handles. `docs/KEYS.md`, "Grants".

use crate::context::Context;
use crate::error::{Error, Result};

/// Pairs in one condition.
const PAIRS: usize = 8;

/// What a context must be. A total function: no context, a name that is missing and a name with another value are all "no".
#[derive(Clone, Debug, Default)]
pub(super) struct Constraint {
    /// The canonical encoding that it must be.
    equals: Option<Vec<u8>>,
    /// Pairs that it must have.
    subset: Option<Vec<(String, String)>>,
}

impl Constraint {
    /// # Errors
    /// INVALID_ARGUMENT for a condition without a pair (it would be no condition, or one that few would guess) or with
    /// more than eight; INVALID_CONTEXT for pairs that no context can have.
    pub(super) fn new<'a>(
        equals: Option<impl IntoIterator<Item = (&'a String, &'a String)>>,
        subset: Option<impl IntoIterator<Item = (&'a String, &'a String)>>,
    ) -> Result<Constraint> {
        let equals = equals.map(|pairs| packed(pairs.into_iter().collect())).transpose()?;
        let subset = subset.map(|pairs| pairs.into_iter().collect::<Vec<_>>());
        if let Some(subset) = &subset {
            packed(subset.clone())?;
        }
        let own = |pair: (&String, &String)| (pair.0.clone(), pair.1.clone());
        Ok(Constraint { equals, subset: subset.map(|pairs| pairs.into_iter().map(own).collect()) })
    }

    /// Whether a context satisfies all of it.
    pub(super) fn holds(&self, context: Option<&Context<'_>>) -> bool {
        if self.equals.is_none() && self.subset.is_none() {
            return true;
        }
        let Some(context) = context else { return false };
        let has = |(name, value): &(String, String)| {
            context.pairs().any(|(given, what)| given == name && what == value)
        };
        self.equals.as_ref().is_none_or(|equals| equals == context.as_bytes())
            && self.subset.as_ref().is_none_or(|subset| subset.iter().all(has))
    }

    /// Whether every context that satisfies `other` satisfies this one too, as far as that can be read off the two.
    pub(super) fn covers(&self, other: &Constraint) -> bool {
        if self.equals.is_some() && self.equals != other.equals {
            return false;
        }
        let exactly = other.equals.as_deref().map(Context::unpack);
        let has = |pair: &(String, String)| match (&exactly, &other.subset) {
            (Some(Ok(exactly)), _) if exactly.pairs().any(|(n, v)| n == pair.0 && v == pair.1) => true,
            (_, Some(subset)) => subset.contains(pair),
            _ => false,
        };
        self.subset.as_ref().is_none_or(|subset| subset.iter().all(has))
    }
}

fn packed(pairs: Vec<(&String, &String)>) -> Result<Vec<u8>> {
    if pairs.is_empty() || pairs.len() > PAIRS {
        return Err(Error::InvalidArgument { what: "a condition on the context has 1 to 8 pairs" });
    }
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    Context::pack(&pairs)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    type Pairs = BTreeMap<String, String>;

    /// Every context over three names with two values each: 27 of them.
    fn universe() -> Vec<Pairs> {
        let mut all = vec![Pairs::new()];
        for name in ["a", "b", "c"] {
            let before = all.clone();
            for value in ["1", "2"] {
                all.extend(before.iter().map(|pairs| {
                    let mut pairs = pairs.clone();
                    pairs.insert(name.into(), value.into());
                    pairs
                }));
            }
        }
        all
    }

    fn pack(pairs: &Pairs) -> Vec<u8> {
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        Context::pack(&pairs).unwrap()
    }

    /// T-43: the exhaustive universe against a definition that nobody can misread. Mutations seen to fail it: `any` for
    /// `all` in `holds`; `true` for no context; the name compared alone.
    #[test]
    fn a_condition_holds_exactly_where_its_definition_says() {
        let universe = universe();
        let optional: Vec<Option<&Pairs>> = std::iter::once(None)
            .chain(universe.iter().filter(|pairs| !pairs.is_empty()).map(Some))
            .collect();
        let mut held = 0;
        for equals in &optional {
            for subset in &optional {
                let constraint = Constraint::new(*equals, *subset).unwrap();
                for context in &universe {
                    let bytes = pack(context);
                    let is = constraint.holds(Some(&Context::unpack(&bytes).unwrap()));
                    let should = equals.is_none_or(|equals| equals == context)
                        && subset.is_none_or(|subset| {
                            subset.iter().all(|(name, value)| context.get(name) == Some(value))
                        });
                    assert_eq!(is, should, "{equals:?} {subset:?} {context:?}");
                    held += usize::from(is);
                }
                assert_eq!(constraint.holds(None), equals.is_none() && subset.is_none());
            }
        }
        assert!(held > 200, "{held}");
    }

    /// A condition that covers another lets nothing less through. Mutation seen to fail it: `covers` that asks for any of
    /// the pairs.
    #[test]
    fn what_covers_a_condition_is_no_narrower() {
        let universe = universe();
        let optional: Vec<Option<&Pairs>> = std::iter::once(None)
            .chain(universe.iter().filter(|p| !p.is_empty() && !p.contains_key("c")).map(Some))
            .collect();
        let all: Vec<Constraint> = optional
            .iter()
            .flat_map(|equals| optional.iter().map(move |subset| Constraint::new(*equals, *subset).unwrap()))
            .collect();
        let contexts: Vec<Vec<u8>> = universe.iter().map(pack).collect();
        let mut covered = 0;
        for wide in &all {
            assert!(wide.covers(wide));
            for narrow in all.iter().filter(|narrow| wide.covers(narrow)) {
                covered += 1;
                for bytes in &contexts {
                    let context = Context::unpack(bytes).unwrap();
                    assert!(
                        !narrow.holds(Some(&context)) || wide.holds(Some(&context)),
                        "{wide:?} {narrow:?}"
                    );
                }
            }
        }
        assert!(covered > all.len());
    }

    #[test]
    fn conditions_without_a_pair_or_with_too_many_are_refused() {
        let many: Pairs = (0..9).map(|i| (format!("n{i}"), String::new())).collect();
        for bad in [Pairs::new(), many, Pairs::from([(String::new(), "x".into())])] {
            assert!(Constraint::new(Some(&bad), None::<&Pairs>).is_err());
            assert!(Constraint::new(None::<&Pairs>, Some(&bad)).is_err());
        }
    }
}
