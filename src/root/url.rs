use std::path::PathBuf;
use std::str::FromStr;

use super::{KeyFile, Passphrase, Root};
use crate::error::{Error, Result};

/// A root as users name it: `file:PATH` or `passphrase:`. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootUrl {
    /// A key file; the path is taken as it stands (`file:///srv/x` and `file:/srv/x` are the same).
    File(PathBuf),
    /// A passphrase, which comes by another way.
    Passphrase,
}

/// What beside the URL a root needs.
#[derive(Clone, Copy, Default)]
pub struct UrlOptions<'a> {
    /// The passphrase, for `passphrase:`; refused with a key file.
    pub passphrase: Option<&'a [u8]>,
    /// [`KeyFile::allow_readable`].
    pub allow_readable: bool,
    /// [`KeyFile::allow_beside_store`].
    pub allow_beside_store: bool,
}

/// The root of this URL. INVALID_ARGUMENT for a URL of another form, a passphrase that is missing, or one too many.
pub fn from_url(url: &str, options: UrlOptions<'_>) -> Result<Box<dyn Root>> {
    match (url.parse()?, options.passphrase) {
        (RootUrl::File(path), None) => Ok(Box::new(
            KeyFile::new(path)
                .allow_readable(options.allow_readable)
                .allow_beside_store(options.allow_beside_store),
        )),
        (RootUrl::Passphrase, Some(passphrase)) => Ok(Box::new(Passphrase::new(passphrase)?)),
        (RootUrl::File(_), Some(_)) => {
            Err(Error::InvalidArgument { what: "a passphrase was given, but the root is a key file" })
        }
        (RootUrl::Passphrase, None) => {
            Err(Error::InvalidArgument { what: "root passphrase: needs the passphrase beside the URL" })
        }
    }
}

impl FromStr for RootUrl {
    type Err = Error;

    fn from_str(url: &str) -> Result<RootUrl> {
        let bad = |what| Err(Error::InvalidArgument { what });
        match url.split_once(':') {
            Some(("file", rest)) => match rest.strip_prefix("//") {
                _ if rest.contains('\0') => bad("a root's path holds a NUL byte"),
                Some(path) if !path.starts_with('/') => bad("a root URL file://… needs an absolute path"),
                Some(path) => Ok(RootUrl::File(path.into())),
                None if rest.is_empty() => bad("root file: needs a path"),
                None => Ok(RootUrl::File(rest.into())),
            },
            Some(("passphrase", "")) => Ok(RootUrl::Passphrase),
            // Not echoed: it could be the passphrase itself.
            Some(("passphrase", _)) => {
                bad("nothing may stand behind passphrase: (secrets are not taken from URLs)")
            }
            _ => bad("a root is file:PATH or passphrase:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_url_is_one_of_two_forms() {
        let file = |p: &str| Ok(RootUrl::File(p.into()));
        assert_eq!("file:/srv/root".parse(), file("/srv/root"));
        assert_eq!("file:///srv/root".parse(), file("/srv/root"));
        assert_eq!("file:keys/root?x".parse(), file("keys/root?x"));
        assert_eq!("passphrase:".parse(), Ok(RootUrl::Passphrase));
        for bad in [
            "",
            "file:",
            "file://host/x",
            "file://",
            "passphrase",
            "passphrase:secret",
            "/srv/root",
            "pkcs11:x",
        ] {
            let error = bad.parse::<RootUrl>().unwrap_err();
            assert_eq!(error.status(), crate::Status::InvalidArgument, "{bad}");
            assert!(!error.to_string().contains("secret\""), "{error}");
        }
    }

    #[test]
    fn a_passphrase_goes_with_passphrase_urls_only() {
        let with = UrlOptions { passphrase: Some(b"x"), ..Default::default() };
        assert!(from_url("file:/x", with).is_err());
        assert!(from_url("passphrase:", UrlOptions::default()).is_err());
        assert_eq!(from_url("file:/x", UrlOptions::default()).map(|r| r.describe()), Ok("file:/x".into()));
    }
}
