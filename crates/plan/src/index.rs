//! Index types: one for each kind of list, so that they cannot be confused.

/// Defines an index type: a transparent newtype with checked conversions and typed access to slices.
#[doc(hidden)]
#[macro_export]
macro_rules! index_type {
    ($(#[$doc:meta])* $name:ident($number:ty)) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash,
            ::serde::Serialize, ::serde::Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $number);

        impl $name {
            /// Index of the first element.
            pub const FIRST: Self = $name(0);

            /// Converts a position in a list to an index.
            ///
            /// # Panics
            /// The position is out of range, which is an internal error.
            pub fn at(place: usize) -> Self {
                match <$number>::try_from(place) {
                    Ok(number) => $name(number),
                    Err(_) => panic!("internal error: {place} is out of range for {}", stringify!($name)),
                }
            }

            /// Returns the position in a list.
            pub const fn place(self) -> usize {
                self.0 as usize
            }

            /// Returns the element of a list at this index, if there is one.
            pub fn get<T>(self, list: &[T]) -> Option<&T> {
                list.get(self.place())
            }

            /// Returns the element of a list at this index.
            ///
            /// # Panics
            /// There is none, which is an internal error.
            pub fn of<T>(self, list: &[T]) -> &T {
                match list.get(self.place()) {
                    Some(element) => element,
                    None => panic!("internal error: there is no {} {self}", stringify!($name)),
                }
            }

            /// Returns the element of a list at this index as a mutable reference, if there is one.
            pub fn get_mut<T>(self, list: &mut [T]) -> Option<&mut T> {
                list.get_mut(self.place())
            }

            /// Returns all indices of a list of this length, in order.
            pub fn all(length: usize) -> impl DoubleEndedIterator<Item = Self> + Clone {
                (0..length).map(Self::at)
            }

            /// Returns the elements of a list with their indices.
            pub fn enumerate<T>(list: &[T]) -> impl Iterator<Item = (Self, &T)> {
                list.iter().enumerate().map(|(place, element)| (Self::at(place), element))
            }

            /// Returns the next index, unless it would overflow.
            pub fn next(self) -> Option<Self> {
                self.0.checked_add(1).map($name)
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

index_type! {
    /// Index of a device into [`Plan::devices`](super::Plan::devices).
    DeviceIndex(u32)
}

index_type! {
    /// Index of a session into [`DevicePlan::sessions`](super::DevicePlan::sessions).
    SessionIndex(u16)
}

index_type! {
    /// Index of a step into [`Plan::steps`](super::Plan::steps).
    StepIndex(u16)
}

index_type! {
    /// Index of a command into [`Session::commands`](super::Session::commands).
    CommandIndex(u16)
}
