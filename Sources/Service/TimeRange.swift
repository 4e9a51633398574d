import System

/// A part of the stems in seconds, by default all.
struct TimeRange: Equatable {
    var from = 0.0
    /// Nil for the stems' end.
    var to: Double?

    init() {}

    /// The fields `from` and `to` of a request, rounded down to samples: there are no more parts than
    /// samples to name files for.
    ///
    /// - Parameter seconds: the stems' length.
    /// - Throws: `Problem` for a part without samples.
    init(_ request: Request, of seconds: Double, rateHz: Int) throws(Problem) {
        func number(_ name: String, above least: Double) throws(Problem) -> Double? {
            guard let text = request.query(name) else { return nil }
            guard let number = Double(text), number.isFinite, number >= 0,
                name == "from" ? number < seconds : number > least
            else {
                throw .option(
                    name, value: text,
                    expected: name == "from"
                        ? "seconds from 0 to less than the stems' \(seconds)"
                        : "seconds above 'from'")
            }
            return (number * Double(rateHz)).rounded(.down) / Double(rateHz)
        }
        from = try number("from", above: 0) ?? 0
        // A part that ends with the stems, or after them, is the same however its end is written.
        to = try number("to", above: from).flatMap { $0 < seconds ? $0 : nil }
    }

    var isWhole: Bool { self == TimeRange() }

    /// The samples of the part; at least one.
    func samples(rateHz: Int) -> Range<Int> {
        let first = Int((from * Double(rateHz)).rounded())
        let end = to.map { Int(($0 * Double(rateHz)).rounded()) } ?? .max
        return first..<max(first + 1, end)
    }

    /// Tells any two parts apart; empty for the whole.
    var key: String { isWhole ? "" : " \(from)-" + (to.map { "\($0)" } ?? "end") }

    /// The part in the name of a file for saving, to hundredths of a second; empty for the whole.
    var label: String {
        isWhole ? "" : " \(from.fixed(2))-" + (to.map { $0.fixed(2) } ?? "end")
    }

    static let parameters: [OpenAPI.Parameter] = [
        .query("from", .number.with(["minimum": 0]), "Seconds at which to begin."),
        .query("to", .number.with(["exclusiveMinimum": 0]), "Seconds at which to end."),
    ]
}
