// Files that the service sends as they are: those of the page, which are embedded in the program, and those of
// the page that separates in the browser.

import CPage
import System

struct SentFile: Sendable {
    /// Media type, by the name's ending.
    let type: String
    let bytes: [UInt8]
    let gzip: [UInt8]?
    /// Entity tag of the bytes; that of the compressed ones ends in `-gzip`.
    let tag: String

    init(_ name: String, _ bytes: [UInt8], _ libraries: ServiceLibraries) {
        type =
            switch name.split(separator: ".").last {
            case "html": "text/html"
            case "css": "text/css"
            case "js": "text/javascript"
            case "svg": "image/svg+xml"
            case "json": "application/json"
            case "wasm": "application/wasm"
            case "webmanifest": "application/manifest+json"
            case "png": "image/png"
            case "ogg": "audio/ogg"
            default: "application/octet-stream"
            }
        self.bytes = bytes
        gzip = Gzip.compressed(bytes, level: 9, libraries)
        tag = String(SHA256(of: bytes).hexadecimal.prefix(32))
    }

    /// The files of the folder `web/page`; a test compares them.
    static let embedded = UnsafeBufferPointer(start: page_files, count: page_file_count).map {
        (
            name: String(cString: $0.name),
            bytes: Array(UnsafeBufferPointer(start: $0.bytes, count: $0.count))
        )
    }

    /// The files of the page, and the description of the interface.
    static func page(_ libraries: ServiceLibraries) -> [String: SentFile] {
        let all = embedded + [(name: "openapi.json", bytes: OpenAPI.document.bytes)]
        return Dictionary(uniqueKeysWithValues: all.map { ($0, SentFile($0, $1, libraries)) })
    }

    /// The files of a folder that `tools/build_web` has made, and of the folders in it.
    static func files(
        in folder: String, _ libraries: ServiceLibraries
    ) throws(ServiceError) -> [String: SentFile] {
        do {
            let found = try paths(in: folder)
            guard found.contains("index.html") else {
                throw ServiceError.notAWebFolder(path: folder, reason: "there is no index.html")
            }
            // Texts are equal if they are canonically equivalent, which names of files may be.
            return try Dictionary(
                found.map { ($0, SentFile($0, try readFile("\(folder)/\($0)"), libraries)) },
                uniquingKeysWith: { first, _ in first })
        } catch let error as ServiceError {
            throw error
        } catch {
            throw .notAWebFolder(path: folder, reason: "\(error)")
        }
    }

    /// The paths of the regular files in a folder and in its folders, relative to it. A folder within
    /// itself, by a link, is left out.
    private static func paths(
        in folder: String, within outer: [FileIdentity] = []
    ) throws -> [String] {
        let names = try FilePath.names(in: folder)
        guard let identity = FilePath.status(folder)?.file, !outer.contains(identity) else {
            return []
        }
        return try names.flatMap { name in
            let path = "\(folder)/\(name)"
            guard FilePath.isFolder(path) else {
                return FilePath.isRegularFile(path) ? [name] : []
            }
            return try paths(in: path, within: outer + [identity]).map { "\(name)/\($0)" }
        }
    }

    func reply(_ request: Request) -> Reply {
        let isGzip = gzip != nil && Gzip.isAccepted(request.header("accept-encoding"))
        let tag = "\"\(tag)\(isGzip ? "-gzip" : "")\""
        var headers = [
            (name: "Content-Type", value: type), ("Cache-Control", "no-cache"), ("ETag", tag),
            ("Vary", "Accept-Encoding"),
        ]
        if isGzip { headers.append(("Content-Encoding", "gzip")) }
        if let known = request.header("if-none-match"), Reply.matches(known, tag) {
            return Reply(304, headers: headers)
        }
        return Reply(200, headers: headers, body: .bytes(isGzip ? gzip ?? bytes : bytes))
    }
}
