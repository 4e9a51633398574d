// Strings as JSON writes them, and what no text prints.

extension Unicode.Scalar {
    /// Whether this is a control character: of the general category Cc, whose members are fixed. The
    /// standard library's table of all categories would be 13 KB of the engine for browsers.
    package var isControl: Bool { value < 0x20 || (0x7F...0x9F).contains(value) }

    /// Whether this character is unseen and changes how others are shown: a control character, a line
    /// separator, a mark that turns the direction of writing (Unicode Annex 9), or one without width.
    package var isHidden: Bool {
        switch value {
        case 0xAD, 0x61C, 0x180E, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF,
            0xFFF9...0xFFFB, 0xE0000...0xE007F:
            true
        default: isControl
        }
    }

    /// The first of 256 characters, at the end of the last private plane, that stand for a byte of a file
    /// name that is not UTF-8.
    static let firstOfBytes: UInt32 = 0x10_FF00

    /// The byte that the character stands for; nil for other characters.
    package var byte: UInt8? {
        value < Self.firstOfBytes + 0x80 ? nil : UInt8(exactly: value - Self.firstOfBytes)
    }
}

extension String {
    /// The text as a string of JSON (RFC 8259, section 7), in quotation marks.
    package var quotedAsJSON: String {
        var quoted = "\""
        for scalar in unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case "\u{0}"..<" ", "\u{7F}":
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}

// Names and texts come from files: messages show them on one line, shortened.
extension StringProtocol {
    package var quoted: String { "\"\(printable(limit: 200))\"" }

    package func printable(limit: Int = 1000) -> String {
        String(String.UnicodeScalarView(unicodeScalars.prefix(limit))).withoutHiddenCharacters
            + (unicodeScalars.count > limit ? "…" : "")
    }

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
