// One line of a terminal that shows how far something is.

enum ProgressBar {
    private static let longestLine = 100
    private static let shortestBar = 10

    /// ` 37 % [=====>        ] <parts>`, the bar as wide as there is room.
    ///
    /// - Parameter parts: shown with commas between them. In a narrow line the bar goes first, then
    ///   one part after the other, the last one at last.
    static func line(share: Double, _ parts: [String], columns: Int) -> String {
        let share = min(max(share, 0), 1)
        let percent = "\(Int(share * 100)) %"
        let start = String(repeating: " ", count: max(0, 5 - percent.count)) + percent
        let text = parts.joined(separator: ", ")
        let room = min(columns, longestLine) - start.count - text.count - 4
        guard room >= shortestBar else {
            for first in parts.indices {
                let line = "\(start) \(parts[first...].joined(separator: ", "))"
                if line.count <= columns { return line }
            }
            return String(start.prefix(max(0, columns)))
        }
        let filled = Int(share * Double(room))
        let bar =
            String(repeating: "=", count: filled)
            + (filled < room ? ">" + String(repeating: " ", count: room - filled - 1) : "")
        return "\(start) [\(bar)] \(text)"
    }
}
