// The files of the page, which are embedded in the program.

import CPage
import System

struct PageFile: Sendable {
    let name: String
    let bytes: [UInt8]

    /// Media type, by the ending.
    var type: String {
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
    }

    /// The files of the folder `web/page`; a test compares them.
    static let all = UnsafeBufferPointer(start: page_files, count: page_file_count).map { file in
        PageFile(
            name: String(cString: file.name),
            bytes: Array(UnsafeBufferPointer(start: file.bytes, count: file.count)))
    }

    /// The files of a folder that `tools/build_web` has made, and of the folders in it.
    static func files(in folder: String) throws(ServiceError) -> [PageFile] {
        do {
            let names = try FilePath.names(in: folder)
            guard names.contains("index.html") else {
                throw ServiceError.notAWebFolder(path: folder, reason: "there is no index.html")
            }
            let paths = try names.flatMap { name in
                guard FilePath.isFolder("\(folder)/\(name)") else { return [name] }
                return try FilePath.names(in: "\(folder)/\(name)").map { "\(name)/\($0)" }
            }
            return try paths.map { PageFile(name: $0, bytes: try readFile("\(folder)/\($0)")) }
        } catch let error as ServiceError {
            throw error
        } catch {
            throw .notAWebFolder(path: folder, reason: "\(error)")
        }
    }

    /// The files that the service sends: those of the page, and the description of its interface.
    static var sent: [PageFile] {
        all + [PageFile(name: "openapi.json", bytes: OpenAPI.document.bytes)]
    }
}

/// A file of the page with its tag, and compressed.
struct SentFile: Sendable {
    let type: String
    let bytes: [UInt8]
    let gzip: [UInt8]?
    /// Entity tag of the bytes; that of the compressed ones ends in `-gzip`.
    let tag: String

    init(_ file: PageFile, _ libraries: ServiceLibraries) {
        type = file.type
        bytes = file.bytes
        gzip = Gzip.compressed(file.bytes, level: 9, libraries)
        tag = String(SHA256(of: file.bytes).hexadecimal.prefix(32))
    }

    func reply(_ request: Request) -> Reply {
        let isGzip = gzip != nil && Gzip.isAccepted(request.header("accept-encoding"))
        let tag = "\"\(tag)\(isGzip ? "-gzip" : "")\""
        var headers = [
            (name: "Content-Type", value: type), ("Cache-Control", "no-cache"), ("ETag", tag),
            ("Vary", "Accept-Encoding"),
        ]
        if isGzip { headers.append(("Content-Encoding", "gzip")) }
        if request.header("if-none-match") == tag { return Reply(304, headers: headers) }
        return Reply(200, headers: headers, body: .bytes(isGzip ? gzip ?? bytes : bytes))
    }
}
