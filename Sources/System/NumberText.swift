// Also Embedded Swift: typed throws, no key paths, no casts.
// Numbers as text in messages, reports and names, as C's `printf` writes them.

extension Double {
    package func fixed(_ digits: Int) -> String { printed("f", digits) }

    /// The number with one digit before the point, and an exponent: `1.50e-07`.
    package func scientific(_ digits: Int) -> String { printed("e", digits) }

    package func significant(_ digits: Int) -> String { printed("g", digits) }

    private func printed(_ form: Unicode.Scalar, _ digits: Int) -> String {
        // The largest number has 309 digits before its point.
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 400) { text in
            print_number(
                text.baseAddress!, text.count, CChar(UInt8(ascii: form)), Int32(digits), self)
            return String(cString: text.baseAddress!)
        }
    }
}

extension BinaryInteger {
    /// A number that is not negative, with zeros before it up to a number of digits.
    package func zeroPadded(_ digits: Int, radix: Int = 10) -> String {
        let text = String(self, radix: radix)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
}

extension Double {
    /// Seconds as `4:05` or `1:04:05`.
    package var clockText: String {
        let total = Int(min(rounded(), 1e9))
        let (hours, minutes) = (total / 3600, total / 60 % 60)
        let seconds = (total % 60).zeroPadded(2)
        return hours > 0 ? "\(hours):\(minutes.zeroPadded(2)):\(seconds)" : "\(minutes):\(seconds)"
    }
}

extension Duration {
    package var seconds: Double { self / .seconds(1) }
}
