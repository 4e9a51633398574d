// A report as a web page in one file: tables, and plots as SVG. It loads no other files.

import Files

struct HTMLPage {
    private let title: String
    private var body: [String]

    init(title: String) {
        self.title = title
        body = ["<h1>\(HTMLPage.escaped(title))</h1>"]
    }

    mutating func heading(_ text: String) { body.append("<h2>\(HTMLPage.escaped(text))</h2>") }

    mutating func paragraph(_ text: String) { body.append("<p>\(HTMLPage.escaped(text))</p>") }

    /// - Parameters:
    ///   - rows: cells; the first row is the heading.
    ///   - names: indices of the left-aligned columns.
    mutating func table(_ rows: [[String]], names: Set<Int> = [0]) {
        func row(_ cells: [String], _ tag: String) -> String {
            cells.enumerated().map { column, cell in
                let style = names.contains(column) ? #" class="name""# : ""
                return "<\(tag)\(style)>\(HTMLPage.escaped(cell))</\(tag)>"
            }.joined()
        }
        guard let heading = rows.first else { return }
        body.append(
            "<div class=\"wide\"><table><thead><tr>\(row(heading, "th"))</tr></thead><tbody>"
                + rows.dropFirst().map { "<tr>\(row($0, "td"))</tr>" }.joined(separator: "\n")
                + "</tbody></table></div>")
    }

    /// - Parameters:
    ///   - plot: the text of an SVG element.
    ///   - caption: content of the plot, and how to read it.
    mutating func figure(_ plot: String, caption: String) {
        body.append(
            "<figure>\(plot)<figcaption>\(HTMLPage.escaped(caption))</figcaption></figure>")
    }

    /// Writes the page under its final name once it is complete.
    ///
    /// - Throws: `UnwritableReport`.
    func write(to path: String) throws {
        let text = """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(HTMLPage.escaped(title))</title>
            <style>
            \(HTMLPage.style)
            </style>
            </head>
            <body>
            \(body.joined(separator: "\n"))
            <footer>swift-demucs \(CommandLineTool.version)</footer>
            </body>
            </html>

            """
        do {
            try replaceFile(at: path, with: text.utf8)
        } catch {
            throw UnwritableReport(path: path, reason: "\(error)")
        }
    }

    /// Text for an element or an attribute's value. Names of files are untrusted.
    static func escaped(_ text: String) -> String {
        text.withoutControlCharacters.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
            .replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
    }

    /// Colours of series from Okabe and Ito's palette for colour-blind people.
    private static let style = """
        :root { color-scheme: light dark; --ink: #1a1a1a; --faint: #d5d5d5; --ground: #fcfcfc;
          --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #cc79a7; --c4: #e69f00; --c5: #56b4e9; }
        @media (prefers-color-scheme: dark) {
          :root { --ink: #e8e8e8; --faint: #444; --ground: #161616; } }
        body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground);
          max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
        h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
        .wide { overflow-x: auto; }
        table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.9rem; }
        th, td { padding: 0.2rem 0.8rem; text-align: right; border-bottom: 1px solid var(--faint); }
        .name { text-align: left; }
        figure { margin: 1rem 0; } figcaption { font-size: 0.9rem; }
        svg { width: 100%; height: auto; } svg text { fill: var(--ink); font-size: 12px; }
        .grid { stroke: var(--faint); } .mark { stroke: var(--ink); }
        .bound { stroke: var(--ink); stroke-dasharray: 5 4; fill: none; }
        .s0 { fill: var(--c0); } .s1 { fill: var(--c1); } .s2 { fill: var(--c2); }
        .s3 { fill: var(--c3); } .s4 { fill: var(--c4); } .s5 { fill: var(--c5); }
        footer { margin-top: 3rem; font-size: 0.8rem; }
        """
}

/// An error for a report's file that can't be written.
struct UnwritableReport: Error, CustomStringConvertible {
    let path: String
    let reason: String

    var description: String { "\(path): the report can't be written: \(reason)" }
}
