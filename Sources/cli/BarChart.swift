// Horizontal bars, in groups of a few series, as SVG.

struct BarChart {
    struct Bar {
        /// NaN draws no bar; infinite values are drawn to the edge.
        let value: Double
        /// Text beside the bar.
        let label: String
        /// Range marked by a line across the bar's end.
        var range: ClosedRange<Double>?
    }

    /// Title of the axis: the quantity with its unit.
    let unit: String
    /// Names of the bars of a group; no legend for a single name.
    let series: [String]
    /// Groups of bars, with one bar for each series.
    let groups: [(name: String, bars: [Bar])]

    private static let width = 860.0
    private static let barHeight = 16.0

    var svg: String {
        let nameWidth = 30 + 7 * Double(min(groups.map(\.name.count).max() ?? 0, 48))
        let left = nameWidth + 8
        let right = Self.width - 90
        let legendHeight = series.count > 1 ? 26.0 : 0
        let groupHeight = Self.barHeight * Double(max(series.count, 1)) + 10
        let bottom = legendHeight + groupHeight * Double(groups.count)
        let values = groups.flatMap(\.bars).map { max($0.value, $0.range?.upperBound ?? $0.value) }
        let axis = PlotAxis(values, from: left, to: right)
        var parts = [plotLegend(series, from: left)]
        for tick in axis.ticks {
            let x = axis.pixel(tick).fixed(1)
            parts.append(
                """
                <line class="grid" x1="\(x)" x2="\(x)" y1="\(legendHeight)" y2="\(bottom)"/>\
                <text x="\(x)" y="\(bottom + 16)" text-anchor="middle">\
                \(PlotAxis.label(tick))</text>
                """)
        }
        for (index, group) in groups.enumerated() {
            let top = legendHeight + groupHeight * Double(index) + 5
            let middle = top + (groupHeight - 10) / 2 + 4
            parts.append(
                """
                <text x="\(nameWidth)" y="\(middle)" text-anchor="end">\
                \(HTMLPage.escaped(group.name))</text>
                """)
            for (number, bar) in group.bars.enumerated() where !bar.value.isNaN {
                parts.append(
                    self.bar(
                        bar, series: number, top: top + Self.barHeight * Double(number), axis))
            }
        }
        parts.append(
            """
            <text x="\((left + right) / 2)" y="\(bottom + 36)" text-anchor="middle">\
            \(HTMLPage.escaped(unit))</text>
            """)
        return """
            <svg viewBox="0 0 \(Int(Self.width)) \(Int(bottom + 44))" role="img" \
            aria-label="\(HTMLPage.escaped(unit))">\(parts.joined(separator: "\n"))</svg>
            """
    }

    private func bar(_ bar: Bar, series: Int, top: Double, _ axis: PlotAxis) -> String {
        let zero = axis.pixel(0)
        let end = axis.pixel(bar.value)
        let (left, right) = (min(zero, end), max(zero, end))
        var mark = ""
        if let range = bar.range {
            let y = top + Self.barHeight / 2 - 1
            mark = """
                <line class="mark" x1="\(axis.pixel(range.lowerBound).fixed(1))" \
                x2="\(axis.pixel(range.upperBound).fixed(1))" y1="\(y)" y2="\(y)"/>
                """
        }
        let textStart = max(right, bar.range.map { axis.pixel($0.upperBound) } ?? right) + 5
        return """
            <rect class="s\(series % 6)" x="\(left.fixed(1))" y="\(top)" \
            width="\((right - left).fixed(1))" height="\(Self.barHeight - 2)"/>\(mark)\
            <text x="\(textStart.fixed(1))" y="\(top + 12)">\(HTMLPage.escaped(bar.label))</text>
            """
    }
}
