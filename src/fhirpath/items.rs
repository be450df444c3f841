//! A collection: most have no item or one, and those allocate nothing.

use super::node::Node;

/// Items in order.
#[derive(Debug, Clone, Default)]
pub enum Items<'v> {
    /// Empty.
    #[default]
    None,
    /// One item.
    One(Node<'v>),
    /// Any number.
    Many(Vec<Node<'v>>),
}

impl<'v> Items<'v> {
    /// One item.
    pub fn one(node: impl Into<Node<'v>>) -> Self {
        Self::One(node.into())
    }

    /// Adds an item at the end.
    pub fn push(&mut self, node: Node<'v>) {
        match self {
            Self::None => *self = Self::One(node),
            Self::One(_) => {
                let Self::One(first) = std::mem::take(self) else { return };
                let mut items = Vec::with_capacity(4);
                items.extend([first, node]);
                *self = Self::Many(items);
            }
            Self::Many(items) => items.push(node),
        }
    }

    /// All items.
    pub fn as_slice(&self) -> &[Node<'v>] {
        match self {
            Self::None => &[],
            Self::One(node) => std::slice::from_ref(node),
            Self::Many(items) => items,
        }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    /// All items, one by one.
    pub fn iter(&self) -> std::slice::Iter<'_, Node<'v>> {
        self.as_slice().iter()
    }

    /// The items as a vector.
    pub fn into_vec(self) -> Vec<Node<'v>> {
        match self {
            Self::None => Vec::new(),
            Self::One(node) => vec![node],
            Self::Many(items) => items,
        }
    }

    /// The item at a place.
    pub fn nth(&self, place: usize) -> Self {
        self.as_slice().get(place).cloned().map_or(Self::None, Self::One)
    }
}

impl<'v> FromIterator<Node<'v>> for Items<'v> {
    fn from_iter<I: IntoIterator<Item = Node<'v>>>(nodes: I) -> Self {
        let mut items = Self::None;
        items.extend(nodes);
        items
    }
}

impl<'v> Extend<Node<'v>> for Items<'v> {
    fn extend<I: IntoIterator<Item = Node<'v>>>(&mut self, nodes: I) {
        nodes.into_iter().for_each(|node| self.push(node));
    }
}

impl<'v> From<Option<Node<'v>>> for Items<'v> {
    fn from(node: Option<Node<'v>>) -> Self {
        node.map_or(Self::None, Self::One)
    }
}

impl<'v> IntoIterator for Items<'v> {
    type Item = Node<'v>;
    type IntoIter = std::vec::IntoIter<Node<'v>>;

    fn into_iter(self) -> Self::IntoIter {
        self.into_vec().into_iter()
    }
}
