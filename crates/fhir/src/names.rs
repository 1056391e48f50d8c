//! A table from a fixed list of short names to their numbers, fast enough to ask once per JSON member.

/// Names of at most this many bytes are told apart by their fingerprint and length alone.
const FINGERPRINT_BYTES: usize = 16;

/// An open-addressing table over name bytes; numbers are positions in the list it was made from.
pub(crate) struct NameTable {
    names: Vec<&'static str>,
    slots: Vec<Slot>,
    shift: u32,
}

#[derive(Clone, Copy)]
struct Slot {
    head: u64,
    tail: u64,
    /// Zero marks an empty slot: no name is empty.
    length: u32,
    number: u32,
}

const EMPTY: Slot = Slot { head: 0, tail: 0, length: 0, number: 0 };

impl NameTable {
    /// A table of the lines of `list`, numbered from zero.
    pub(crate) fn of_lines(list: &'static str) -> NameTable {
        let names: Vec<&'static str> = list.lines().filter(|line| !line.is_empty()).collect();
        let size = (names.len() * 2).next_power_of_two().max(16);
        let shift = 64 - size.trailing_zeros();
        let mut table = NameTable { names, slots: vec![EMPTY; size], shift };
        for number in 0..table.names.len() {
            table.insert(number);
        }
        table
    }

    fn insert(&mut self, number: usize) {
        let name = self.names[number].as_bytes();
        let (head, tail) = fingerprint(name);
        let mut at = place(head, tail, name.len(), self.shift);
        while self.slots[at].length != 0 {
            at = (at + 1) & (self.slots.len() - 1);
        }
        let length = u32::try_from(name.len()).expect("names in the list are short");
        let number = u32::try_from(number).expect("the list is short");
        self.slots[at] = Slot { head, tail, length, number };
    }

    /// The number of `name`, if it is in the list.
    #[inline]
    pub(crate) fn find(&self, name: &[u8]) -> Option<u16> {
        if name.is_empty() {
            return None;
        }
        let (head, tail) = fingerprint(name);
        let mut at = place(head, tail, name.len(), self.shift);
        loop {
            let slot = self.slots[at];
            if slot.length == 0 {
                return None;
            }
            let same = slot.head == head && slot.tail == tail && slot.length as usize == name.len();
            if same && (name.len() <= FINGERPRINT_BYTES || self.spells(slot, name)) {
                return Some(slot.number as u16);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    fn spells(&self, slot: Slot, name: &[u8]) -> bool {
        self.names[slot.number as usize].as_bytes() == name
    }

    /// The name with this number.
    pub(crate) fn name(&self, number: u16) -> Option<&'static str> {
        self.names.get(usize::from(number)).copied()
    }

    /// How many names there are.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }
}

#[inline]
fn fingerprint(name: &[u8]) -> (u64, u64) {
    if let (Some(head), Some(tail)) = (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        (u64::from_le_bytes(*head), u64::from_le_bytes(*tail))
    } else if let (Some(head), Some(tail)) = (name.first_chunk::<4>(), name.last_chunk::<4>()) {
        (u64::from(u32::from_le_bytes(*head)), u64::from(u32::from_le_bytes(*tail)))
    } else {
        let byte = |at: usize| u64::from(name[at]);
        (byte(0) | byte(name.len() / 2) << 8 | byte(name.len() - 1) << 16, 0)
    }
}

#[inline]
fn place(head: u64, tail: u64, length: usize, shift: u32) -> usize {
    let mixed = head.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ tail.rotate_left(23) ^ length as u64;
    (mixed.wrapping_mul(0xD6E8_FEB8_6659_FD93) >> shift) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_nothing_else() {
        let list = include_str!("../data/element-names.txt");
        let table = NameTable::of_lines(list);
        for (number, name) in list.lines().enumerate() {
            assert_eq!(table.find(name.as_bytes()).map(usize::from), Some(number), "{name}");
            assert_eq!(table.name(number as u16), Some(name));
            for other in [format!("{name}X"), format!("X{name}"), name.to_uppercase()] {
                assert_eq!(table.find(other.as_bytes()), None, "{other}");
            }
        }
        assert_eq!(table.len(), list.lines().count());
        assert_eq!(table.find(b""), None);
    }

    #[test]
    fn long_names_that_differ_only_in_the_middle_are_told_apart() {
        let table = NameTable::of_lines("abcdefgh-one-abcdefgh\nabcdefgh-two-abcdefgh");
        assert_eq!(table.find(b"abcdefgh-two-abcdefgh"), Some(1));
        assert_eq!(table.find(b"abcdefgh-six-abcdefgh"), None);
    }
}
