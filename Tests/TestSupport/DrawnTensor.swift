// Tensors that fixtures describe by a rule and a seed instead of storing them.
// reference/draw.py defines the rules and draws the same bits.

/// A float32 tensor whose values depend only on a seed, its name and their index.
package struct DrawnTensor: Sendable {
    package enum Rule: String, Sendable {
        /// Uniform between `a` and `b`.
        case uniform
        /// Normal with standard deviation `a` and mean `b`.
        case normal
        /// Normal, with a level that rises to the middle of the last dimension and falls again.
        case swell
    }

    package let name: String
    package let shape: [Int]
    let rule: Rule
    let a: Double
    let b: Double

    /// Parses `drawn` of a fixture's metadata: in each line a shape, a rule, two numbers, names.
    package static func parse(_ text: String) throws -> [DrawnTensor] {
        try text.split(separator: "\n").flatMap { line in
            let words = line.split(separator: " ")
            let shape = words[0].split(separator: ",").compactMap { Int($0) }
            guard words.count > 4, let rule = Rule(rawValue: String(words[1])),
                let a = Double(words[2]), let b = Double(words[3]), !shape.isEmpty
            else { throw FixtureError(text: "no rule for drawn tensors: '\(line)'") }
            return words[4...].map {
                DrawnTensor(name: String($0), shape: shape, rule: rule, a: a, b: b)
            }
        }
    }

    /// The values, row-major. The order of operations is that of draw.py, in double precision.
    package func values(seed: UInt64) -> [Float] {
        var random = SplitMix64(seed: seed, name: name)
        let columns = shape.last ?? 1
        return (0..<shape.reduce(1, *)).map { index in
            guard rule != .uniform else { return Float(a + (b - a) * random.unit()) }
            let value = b + a * random.normal()
            guard rule == .swell else { return Float(value) }
            let place = 2 * Double(index % columns) / Double(columns)
            return Float(value * (0.1 + 0.9 * (1 - abs(place - 1))))
        }
    }
}

/// A fixture can't be used.
package struct FixtureError: Error, CustomStringConvertible {
    let text: String
    package var description: String { text }
}
