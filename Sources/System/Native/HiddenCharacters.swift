// How messages show characters that are hidden, and bytes of file names that are not UTF-8.

extension Unicode.Scalar {
    /// The characters at the end of the last private plane, from U+10FF80 on, stand for bytes of a file
    /// name that is not UTF-8.
    static let firstOfBytes: UInt32 = 0x10_FF00

    /// The byte that the character stands for; nil for other characters.
    package var byte: UInt8? {
        value < Self.firstOfBytes + 0x80 ? nil : UInt8(exactly: value - Self.firstOfBytes)
    }
}

extension StringProtocol {
    /// The text with `\u{202E}` in the place of each character that is hidden, and `\xFC` of each byte that is not
    /// UTF-8.
    package var withoutHiddenCharacters: String {
        guard unicodeScalars.contains(where: { $0.isHidden || $0.byte != nil }) else {
            return String(self)
        }
        return unicodeScalars.reduce(into: "") { text, scalar in
            if let byte = scalar.byte {
                text += "\\x\(String(byte, radix: 16, uppercase: true))"
            } else if scalar.isHidden {
                text += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
    }
}
