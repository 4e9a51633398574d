// Also Embedded Swift: typed throws, no key paths, no casts.
// Strings as JSON writes them, and what no text prints.

extension Unicode.Scalar {
    /// Whether this is a control character: of the general category Cc, whose members are fixed. The
    /// standard library's table of all categories would be 13 KB of the engine for browsers.
    package var isControl: Bool { value < 0x20 || (0x7F...0x9F).contains(value) }

    /// Whether this character is unseen, and may change how others are shown: a control character, a line
    /// separator, or one of Unicode's Default_Ignorable_Code_Point (Annex 44), such as the marks that turn the
    /// direction of writing.
    package var isHidden: Bool {
        switch value {
        case 0xAD, 0x34F, 0x61C, 0x115F...0x1160, 0x17B4...0x17B5, 0x180B...0x180F, 0x200B...0x200F,
            0x2028...0x202E, 0x2060...0x206F, 0x3164, 0xFE00...0xFE0F, 0xFEFF, 0xFFA0,
            0xFFF0...0xFFFB, 0x1BCA0...0x1BCA3, 0x1D173...0x1D17A, 0xE0000...0xE0FFF:
            true
        default: isControl
        }
    }
}

extension String {
    /// The text as a string of JSON (RFC 8259, section 7), in quotation marks.
    package var quotedAsJSON: String {
        var bytes: [UInt8] = []
        appendJSON(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends the text as a string of JSON.
    func appendJSON(to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        let (quote, backslash) = (UInt8(ascii: "\""), UInt8(ascii: "\\"))
        for byte in utf8 {
            if byte >= 0x20, byte != quote, byte != backslash, byte != 0x7F {
                bytes.append(byte)
            } else if byte == quote || byte == backslash {
                bytes += [backslash, byte]
            } else {
                let digits = String(byte, radix: 16)
                bytes += ("\\u00" + (byte < 16 ? "0" : "") + digits).utf8
            }
        }
        bytes.append(quote)
    }
}

// Names and texts come from files: messages show them on one line, shortened.
extension StringProtocol {
    package var quoted: String { "\"\(printable(limit: 200))\"" }

    package func printable(limit: Int = 1000) -> String {
        let printable = unicodeScalars.prefix(limit).map { scalar in
            scalar.isHidden ? "\u{FFFD}" : Character(scalar)
        }
        return String(printable) + (unicodeScalars.count > limit ? "…" : "")
    }
}

extension String {
    /// The text with the letters A to Z in lower case, for names that some disks take for the same.
    package var foldedASCII: String {
        String(decoding: utf8.map { $0 &- 65 < 26 ? $0 + 32 : $0 }, as: UTF8.self)
    }
}
