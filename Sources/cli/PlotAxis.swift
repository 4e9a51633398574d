// The scale of a plot's axis: positions of values, and labels.

import LibC

struct PlotAxis {
    enum Scale { case linear, logarithmic }

    private let scale: Scale
    /// Smallest and largest value, or their logarithms.
    private let bounds: ClosedRange<Double>
    /// Pixels of the bounds.
    private let start: Double
    private let end: Double
    /// The values with a label.
    let ticks: [Double]

    /// An axis for finite values; a linear one includes zero.
    init(_ values: [Double], _ scale: Scale = .linear, from start: Double, to end: Double) {
        self.scale = scale
        self.start = start
        self.end = end
        switch scale {
        case .linear:
            let finite = values.filter(\.isFinite) + [0]
            let least = finite.min() ?? 0
            let greatest = max(finite.max() ?? 0, least + 1e-9)
            let step = PlotAxis.step((greatest - least) / 6)
            let lower = (least / step).rounded(.down)
            let upper = (greatest / step).rounded(.up)
            bounds = lower * step...upper * step
            ticks = stride(from: lower, through: upper, by: 1).map { $0 * step }
        case .logarithmic:
            let logarithms = values.filter { $0.isFinite && $0 > 0 }.map { log10($0) }
            let lower = (logarithms.min() ?? 0).rounded(.down)
            let upper = max((logarithms.max() ?? 1).rounded(.up), lower + 1)
            bounds = lower...upper
            ticks = stride(from: lower, through: upper, by: 1).map { pow(10, $0) }
        }
    }

    /// The pixel of a value; values outside lie on the nearest edge.
    func pixel(_ value: Double) -> Double {
        let position = scale == .linear ? value : log10(max(value, .leastNormalMagnitude))
        let inside = min(max(position, bounds.lowerBound), bounds.upperBound)
        let share = (inside - bounds.lowerBound) / (bounds.upperBound - bounds.lowerBound)
        return start + share * (end - start)
    }

    /// `0.05`, `20`, `1e6`.
    static func label(_ value: Double) -> String {
        if value == 0 { return "0" }
        let size = abs(value)
        if size >= 1e5 || size < 1e-3 { return value.scientific(0) }
        let digits = max(0, Int((-log10(size)).rounded(.up)) + 1)
        return value.rounded() == value ? value.fixed(0) : value.fixed(digits)
    }

    /// The next larger of 1, 2 and 5 times a power of ten.
    private static func step(_ least: Double) -> Double {
        let power = pow(10, log10(least).rounded(.down))
        return ([1, 2, 5].first { $0 * power >= least } ?? 10) * power
    }
}

/// The names of a plot's series beside their colours, in one line; empty for a single series.
func plotLegend(_ series: [String], from left: Double) -> String {
    guard series.count > 1 else { return "" }
    var x = left
    return series.enumerated().map { index, name in
        defer { x += 34 + 7 * Double(name.count) }
        return """
            <rect class="s\(index % 6)" x="\(x)" y="2" width="12" height="12"/>\
            <text x="\(x + 17)" y="13">\(HTMLPage.escaped(name))</text>
            """
    }.joined()
}
