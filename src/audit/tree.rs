//! The Merkle tree of RFC 6962, section 2.1, kept by its right edge alone.

use crate::crypto::sha256_into;

/// A node: SHA-256.
pub(crate) type Hash = [u8; 32];

/// SHA-256(00 ‖ entry).
pub(crate) fn leaf_hash(entry: &[u8]) -> Hash {
    let mut hash = [0; 32];
    sha256_into(&[&[0], entry], &mut hash);
    hash
}

/// SHA-256(01 ‖ left ‖ right).
pub(crate) fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut hash = [0; 32];
    sha256_into(&[&[1], left, right], &mut hash);
    hash
}

/// The roots of the complete subtrees that a tree of some size is made of, the largest first: at most 64.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RightEdge {
    size: u64,
    nodes: Vec<Hash>,
}

impl RightEdge {
    /// As it was kept: `nodes` must be as many as `size` has set bits.
    pub(crate) fn from_parts(size: u64, nodes: Vec<Hash>) -> Option<RightEdge> {
        (nodes.len() == size.count_ones() as usize).then_some(RightEdge { size, nodes })
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn nodes(&self) -> &[Hash] {
        &self.nodes
    }

    /// Adds a leaf.
    pub(crate) fn push(&mut self, leaf: Hash) {
        let mut node = leaf;
        // As many complete subtrees of equal size meet as the size has set bits at its low end.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.nodes.pop() {
                node = node_hash(&left, &node);
            }
        }
        self.nodes.push(node);
        self.size += 1;
    }

    /// The root hash; SHA-256 of nothing for the empty tree.
    pub(crate) fn root(&self) -> Hash {
        let mut nodes = self.nodes.iter().rev();
        match nodes.next() {
            Some(last) => nodes.fold(*last, |right, left| node_hash(left, &right)),
            None => {
                let mut hash = [0; 32];
                sha256_into(&[], &mut hash);
                hash
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(hash: Hash) -> String {
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The definition of RFC 6962, section 2.1, word for word.
    fn by_definition(entries: &[Vec<u8>]) -> Hash {
        match entries.len() {
            0 => RightEdge::default().root(),
            1 => leaf_hash(&entries[0]),
            n => {
                let k = n.next_power_of_two() / 2;
                node_hash(&by_definition(&entries[..k]), &by_definition(&entries[k..]))
            }
        }
    }

    /// The tree that every implementation of RFC 6962 is tried on (certificate-transparency, transparency-dev/merkle):
    /// eight leaves and the roots of its nine sizes. Mutation seen to fail: `trailing_zeros` for `trailing_ones`.
    #[test]
    fn the_reference_tree_of_rfc_6962_comes_out() {
        let leaves: [&[u8]; 8] = [
            &[],
            &[0x00],
            &[0x10],
            &[0x20, 0x21],
            &[0x30, 0x31],
            &[0x40, 0x41, 0x42, 0x43],
            &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
        ];
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut edge = RightEdge::default();
        assert_eq!(hex(edge.root()), roots[0]);
        for (leaf, root) in leaves.iter().zip(&roots[1..]) {
            edge.push(leaf_hash(leaf));
            assert_eq!(hex(edge.root()), *root);
        }
    }

    #[test]
    fn a_right_edge_has_the_root_of_the_definition_and_can_be_put_away_at_every_size() {
        let entries: Vec<Vec<u8>> = (0..300_u32).map(|n| n.to_be_bytes().to_vec()).collect();
        let mut edge = RightEdge::default();
        for size in 0..entries.len() {
            assert_eq!(edge.root(), by_definition(&entries[..size]), "size {size}");
            assert_eq!(edge.nodes().len(), size.count_ones() as usize);
            edge = RightEdge::from_parts(edge.size(), edge.nodes().to_vec()).unwrap();
            edge.push(leaf_hash(&entries[size]));
        }
        assert!(RightEdge::from_parts(3, edge.nodes()[..1].to_vec()).is_none());
        assert!(RightEdge::from_parts(0, edge.nodes()[..1].to_vec()).is_none());
    }

    #[test]
    fn an_entry_is_not_taken_for_a_node() {
        let (left, right) = (leaf_hash(b"a"), leaf_hash(b"b"));
        assert_ne!(leaf_hash(&[left, right].concat()), node_hash(&left, &right));
    }
}
