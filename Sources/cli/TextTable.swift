// Tables of the reports.

/// Rows of text as a table.
enum TextTable {
    /// Columns as wide as their widest cell; names to the left, figures to the right, and no spaces
    /// at the end of a line.
    ///
    /// - Parameter names: the columns that go to the left.
    static func aligned(_ rows: [[String]], names: Set<Int> = [0]) -> [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = zip(row, widths).enumerated().map { column, cell in
                let space = String(repeating: " ", count: cell.1 - cell.0.count)
                return names.contains(column) ? cell.0 + space : space + cell.0
            }
            let line = cells.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }
}
