// Text of reports: aligned tables and numbers.

import System

enum TextTable {
    /// Rows with columns as wide as their widest cell: names left-aligned, numbers right-aligned,
    /// no trailing spaces.
    ///
    /// - Parameter names: indices of the left-aligned columns.
    static func aligned(_ rows: [[String]], names: Set<Int> = [0]) -> [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = zip(row, widths).enumerated().map { column, cell in
                padded(cell.0, to: cell.1, isLeft: names.contains(column))
            }
            let line = cells.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }

    /// One row: a left-aligned name, then right-aligned cells of one width.
    static func line(
        _ name: String, width nameWidth: Int, _ cells: [String], width cellWidth: Int
    ) -> String {
        ([padded(name, to: nameWidth, isLeft: true)]
            + cells.map { padded($0, to: cellWidth, isLeft: false) })
            .joined(separator: "  ")
    }

    private static func padded(_ text: String, to width: Int, isLeft: Bool) -> String {
        let padding = String(repeating: " ", count: max(0, width - text.count))
        return isLeft ? text + padding : padding + text
    }
}

extension Double {
    /// An SNR in dB: one decimal, `equal` for infinite, `none` if nothing can be compared.
    var decibelText: String { isFinite ? fixed(1) : self > 0 ? "equal" : "none" }
}

extension Int {
    /// A number of bytes in MB.
    func megabytes(_ digits: Int = 1) -> String { (Double(self) / 1e6).fixed(digits) }
}
