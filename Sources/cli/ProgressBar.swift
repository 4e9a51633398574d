// One line of a terminal that shows how far something is.

enum ProgressBar {
    private static let longestLine = 100
    private static let shortestBar = 10

    /// ` 37 % [=====>        ] <text>`, the bar as wide as there is room.
    static func line(share: Double, _ text: String, columns: Int) -> String {
        let share = min(max(share, 0), 1)
        let percent = "\(Int(share * 100)) %"
        let start = String(repeating: " ", count: max(0, 5 - percent.count)) + percent
        let room = min(columns, longestLine) - start.count - text.count - 4
        guard room >= shortestBar else { return String("\(start) \(text)".prefix(max(0, columns))) }
        let filled = Int(share * Double(room))
        let bar =
            String(repeating: "=", count: filled)
            + (filled < room ? ">" + String(repeating: " ", count: room - filled - 1) : "")
        return "\(start) [\(bar)] \(text)"
    }
}
