// Points with a bound, as SVG.

struct PointChart {
    struct Point {
        let x: Double
        let y: Double
        /// Text that is shown for the point under the pointer.
        let title: String
        var series = 0
        /// Text beside the point.
        var label = ""
    }

    struct Axis {
        /// Title of the axis, with the unit.
        let title: String
        var scale = PlotAxis.Scale.linear
    }

    let x: Axis
    let y: Axis
    let points: [Point]
    /// Names of the points' series; no legend for a single one.
    var series: [String] = []
    /// Corners of a dashed line.
    var bound: [(x: Double, y: Double)] = []

    private static let width = 860.0
    private static let height = 380.0

    var svg: String {
        let (left, right, bottom) = (64.0, Self.width - 20, Self.height - 52)
        let top = series.count > 1 ? 28.0 : 12
        let across = PlotAxis(
            points.map(\.x) + bound.map(\.x), x.scale, from: left, to: right)
        let up = PlotAxis(points.map(\.y) + bound.map(\.y), y.scale, from: bottom, to: top)
        var parts = [plotLegend(series, from: left)]
        parts += across.ticks.map { tick in
            let pixel = across.pixel(tick).fixed(1)
            return """
                <line class="grid" x1="\(pixel)" x2="\(pixel)" y1="\(top)" y2="\(bottom)"/>\
                <text x="\(pixel)" y="\(bottom + 18)" text-anchor="middle">\
                \(PlotAxis.label(tick))</text>
                """
        }
        parts += up.ticks.map { tick in
            let pixel = up.pixel(tick)
            return """
                <line class="grid" x1="\(left)" x2="\(right)" y1="\(pixel.fixed(1))" \
                y2="\(pixel.fixed(1))"/><text x="\(left - 8)" y="\((pixel + 4).fixed(1))" \
                text-anchor="end">\(PlotAxis.label(tick))</text>
                """
        }
        if !bound.isEmpty {
            let corners = bound.map { "\(across.pixel($0.x).fixed(1)),\(up.pixel($0.y).fixed(1))" }
            parts.append(#"<polyline class="bound" points="\#(corners.joined(separator: " "))"/>"#)
        }
        for point in points where !point.y.isNaN {
            let (x, y) = (across.pixel(point.x), up.pixel(point.y))
            parts.append(
                """
                <circle class="s\(point.series % 6)" cx="\(x.fixed(1))" cy="\(y.fixed(1))" r="4">\
                <title>\(HTMLPage.escaped(point.title))</title></circle>
                """)
            if !point.label.isEmpty {
                parts.append(
                    """
                    <text x="\((x + 7).fixed(1))" y="\((y - 5).fixed(1))">\
                    \(HTMLPage.escaped(point.label))</text>
                    """)
            }
        }
        parts.append(
            """
            <text x="\((left + right) / 2)" y="\(Self.height - 8)" text-anchor="middle">\
            \(HTMLPage.escaped(x.title))</text><text transform="translate(14 \
            \((top + bottom) / 2)) rotate(-90)" text-anchor="middle">\
            \(HTMLPage.escaped(y.title))</text>
            """)
        return """
            <svg viewBox="0 0 \(Int(Self.width)) \(Int(Self.height))" role="img" \
            aria-label="\(HTMLPage.escaped("\(y.title) against \(x.title)"))">\
            \(parts.joined(separator: "\n"))</svg>
            """
    }
}
