//! The Merkle tree of RFC 6962, section 2.1, kept by its right edge alone.

/// A node: SHA-256.
pub(crate) type Hash = [u8; 32];

/// SHA-256(00 ‖ entry).
pub(crate) fn leaf_hash(_entry: &[u8]) -> Hash {
    todo!()
}

/// The roots of the complete subtrees that a tree of some size is made of, the largest first: at most 64.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RightEdge {
    size: u64,
    nodes: Vec<Hash>,
}

impl RightEdge {
    /// As it was kept: `nodes` must be as many as `size` has set bits.
    pub(crate) fn from_parts(_size: u64, _nodes: Vec<Hash>) -> Option<RightEdge> {
        todo!()
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn nodes(&self) -> &[Hash] {
        &self.nodes
    }

    /// Adds a leaf.
    pub(crate) fn push(&mut self, _leaf: Hash) {
        todo!()
    }

    /// The root hash; SHA-256 of nothing for the empty tree.
    pub(crate) fn root(&self) -> Hash {
        todo!()
    }
}
