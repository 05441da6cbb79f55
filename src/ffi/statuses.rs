//! Names and texts of statuses as C strings that live as long as the library, made when it is compiled.

use std::ffi::CStr;

use crate::error::TABLE;

pub(super) fn name(code: i32) -> &'static CStr {
    find(code).map_or(c"UNKNOWN", |row| string(2 * row))
}

pub(super) fn text(code: i32) -> &'static CStr {
    find(code).map_or(c"not a status of this version of the library", |row| string(2 * row + 1))
}

fn find(code: i32) -> Option<usize> {
    TABLE.iter().position(|row| row.0 as i32 == code)
}

/// The n-th string of [`STRINGS`].
fn string(n: usize) -> &'static CStr {
    let mut rest = &STRINGS[..];
    for _ in 0..n {
        let end = rest.iter().position(|b| *b == 0).unwrap_or(rest.len() - 1);
        rest = &rest[end + 1..];
    }
    CStr::from_bytes_until_nul(rest).unwrap_or(c"")
}

/// Name and text of every row, each with a NUL.
static STRINGS: [u8; SIZE] = {
    let mut all = [0; SIZE];
    let (mut row, mut at) = (0, 0);
    while row < TABLE.len() {
        let parts = [TABLE[row].1.as_bytes(), TABLE[row].3.as_bytes()];
        let mut part = 0;
        while part < 2 {
            let mut i = 0;
            while i < parts[part].len() {
                all[at] = parts[part][i];
                at += 1;
                i += 1;
            }
            at += 1;
            part += 1;
        }
        row += 1;
    }
    all
};

const SIZE: usize = {
    let (mut row, mut size) = (0, 0);
    while row < TABLE.len() {
        size += TABLE[row].1.len() + TABLE[row].3.len() + 2;
        row += 1;
    }
    size
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_own_name_and_text_as_c_strings() {
        for row in TABLE {
            assert_eq!(name(row.0 as i32).to_str().unwrap(), row.1);
            assert_eq!(text(row.0 as i32).to_str().unwrap(), row.3);
        }
        for code in [-1, 1, i32::MIN, i32::MAX] {
            assert_eq!(name(code), c"UNKNOWN");
        }
    }
}
