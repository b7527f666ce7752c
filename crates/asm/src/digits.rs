//! Numbers as text, without the machinery of `fmt`: a listing is mostly these.

/// Appends a number in decimal.
pub(crate) fn decimal(out: &mut String, number: u64) {
    if number >= 10 {
        decimal(out, number / 10);
    }
    digit(out, number % 10);
}

/// Appends a number in decimal, with a minus where it is negative.
pub(crate) fn signed(out: &mut String, number: i64) {
    if number < 0 {
        out.push('-');
    }
    decimal(out, number.unsigned_abs());
}

/// Appends a number in hexadecimal, behind `0x`.
pub(crate) fn hexadecimal(out: &mut String, number: u64) {
    out.push_str("0x");
    nibbles(out, number);
}

/// Appends a byte as two hexadecimal digits.
pub(crate) fn byte(out: &mut String, byte: u8) {
    digit(out, u64::from(byte >> 4));
    digit(out, u64::from(byte & 0xf));
}

fn nibbles(out: &mut String, number: u64) {
    if number >= 16 {
        nibbles(out, number >> 4);
    }
    digit(out, number & 0xf);
}

/// Appends one digit, of a base up to sixteen.
fn digit(out: &mut String, digit: u64) {
    let digit = u8::try_from(digit).unwrap_or(0);
    out.push(char::from(if digit < 10 { b'0' + digit } else { b'a' - 10 + digit }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_fmt_writes_them() {
        for number in [0, 1, 9, 10, 15, 16, 99, 100, 255, 256, 65535, 1 << 40, u64::MAX] {
            let signed_number = number.cast_signed();
            let mut out = String::new();
            decimal(&mut out, number);
            signed(&mut out, signed_number);
            hexadecimal(&mut out, number);
            assert_eq!(out, format!("{number}{signed_number}{number:#x}"));
        }
    }

    #[test]
    fn bytes_have_two_digits() {
        let mut out = String::new();
        [0, 9, 10, 0x7f, 0xf0].into_iter().for_each(|number| byte(&mut out, number));
        assert_eq!(out, "00090a7ff0");
    }
}
