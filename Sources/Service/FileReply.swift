// Files as replies: ranges, entity tags, file names for downloads. Reference: RFC 9110, sections
// 8.8, 13 and 14; RFC 6266.

import System

enum FileReply {
    /// A reply with a file or a part of it, or that it has not changed.
    ///
    /// - Parameters:
    ///   - file: open file, which the reply closes.
    ///   - tag: entity tag, which changes with the content.
    ///   - name: file name for saving.
    static func reply(
        _ request: Request, _ file: (descriptor: Int32, bytes: Int), type: String, tag: String,
        name: String
    ) -> Reply {
        let tag = "\"\(tag)\""
        var headers = [
            (name: "ETag", value: tag), ("Accept-Ranges", "bytes"),
            ("Cache-Control", "private, no-cache"),
        ]
        if let known = request.header("if-none-match"), matches(known, tag) {
            close(file.descriptor)
            return Reply(304, headers: headers)
        }
        headers.append(("Content-Type", type))
        headers.append(("Content-Disposition", disposition(name)))
        var range = ByteRange.whole
        if let text = request.header("range"), request.count("range") == 1,
            request.header("if-range").map({ $0 == tag }) ?? true
        {
            range = ByteRange(text, of: file.bytes)
        }
        switch range {
        case .whole:
            return Reply(
                200, headers: headers,
                body: .file(descriptor: file.descriptor, offset: 0, count: file.bytes))
        case .part(let part):
            headers.append(
                ("Content-Range", "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(file.bytes)"))
            return Reply(
                206, headers: headers,
                body: .file(
                    descriptor: file.descriptor, offset: part.lowerBound, count: part.count))
        case .outside:
            close(file.descriptor)
            var reply = Reply.problem(
                Problem(
                    .rangeNotSatisfiable, "The range begins after the file's \(file.bytes) bytes."),
                path: request.target.path)
            reply.headers.append(("Content-Range", "bytes */\(file.bytes)"))
            return reply
        }
    }

    private static func matches(_ list: String, _ tag: String) -> Bool {
        list == "*"
            || list.split(separator: ",").contains { item in
                var item = item.drop { $0 == " " }
                while item.last == " " { item.removeLast() }
                return item == tag || item == "W/\(tag)"
            }
    }

    /// The header with a file name for saving: in ASCII for old clients, and complete in UTF-8.
    static func disposition(_ name: String) -> String {
        let plain = name.unicodeScalars.map { scalar -> Character in
            let isSafe =
                (0x20..<0x7F).contains(scalar.value) && !"\"\\/%".contains(Character(scalar))
            return isSafe ? Character(scalar) : "_"
        }
        return "attachment; filename=\"\(String(plain))\"; "
            + "filename*=UTF-8''\(RequestTarget.encoded(name))"
    }

    /// A name without slashes and control characters that doesn't begin with a dot.
    static func safeName(_ text: String) -> String {
        var name = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            let isUnsafe = scalar.isControl || "/\\:".unicodeScalars.contains(scalar)
            name.append(isUnsafe ? "_" : scalar)
        }
        let safe = String(name)
        return safe.hasPrefix(".") ? "_" + safe.dropFirst() : safe.isEmpty ? "untitled" : safe
    }
}

/// The range of a Range header.
enum ByteRange: Equatable {
    /// No range, or one that must be ignored: several ranges, other units.
    case whole
    case part(Range<Int>)
    case outside

    /// - Parameter bytes: size of the whole file.
    init(_ text: String, of bytes: Int) {
        self = .whole
        guard text.lowercased().hasPrefix("bytes=") else { return }
        let ends = text.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
        func number(_ text: Substring) -> Int? {
            text.utf8.allSatisfy { (48...57).contains($0) } && text.utf8.count < 19
                ? Int(text) : nil
        }
        guard ends.count == 2, !text.utf8.contains(UInt8(ascii: ",")) else { return }
        switch (ends[0].isEmpty, ends[1].isEmpty) {
        case (true, true): return
        case (true, false):
            guard let count = number(ends[1]) else { return }
            self = count == 0 || bytes == 0 ? .outside : .part(max(0, bytes - count)..<bytes)
        case (false, _):
            guard let first = number(ends[0]) else { return }
            var last = bytes - 1
            if !ends[1].isEmpty {
                guard let given = number(ends[1]), given >= first else { return }
                last = min(last, given)
            }
            self = first >= bytes ? .outside : .part(first..<last + 1)
        }
    }
}
