// The libraries of the service, opened when the service starts.

import CServiceLibraries
import Files

/// Functions of libmicrohttpd, SQLite and libarchive.
struct ServiceLibraries: @unchecked Sendable {
    // @unchecked: the function pointers never change.
    let http: http_library
    let sql: sql_library
    let zip: zip_library

    /// - Throws: ``ServiceError/libraryMissing(name:package:reason:)``.
    init() throws(ServiceError) {
        http = try ServiceLibraries.load("libmicrohttpd", package: "libmicrohttpd12", http_load)
        sql = try ServiceLibraries.load("SQLite", package: "libsqlite3-0", sql_load)
        zip = try ServiceLibraries.load("libarchive", package: "libarchive13", zip_load)
    }

    private static func load<Library>(
        _ name: String, package: String,
        _ load: (UnsafeMutablePointer<UnsafePointer<CChar>?>?) -> UnsafePointer<Library>?
    ) throws(ServiceError) -> Library {
        var problem: UnsafePointer<CChar>?
        guard let library = load(&problem) else {
            throw .libraryMissing(
                name: name, package: package,
                reason: problem.map { String(cString: $0) } ?? "unknown")
        }
        return library.pointee
    }
}

/// The service can't be started, or its data can't be used.
package enum ServiceError: Error, DescribedError {
    /// A library of the system is missing or too old.
    case libraryMissing(name: String, package: String, reason: String)
    /// The server can't listen at its address.
    case cannotListen(host: String, port: Int, reason: String)
    /// The host is neither an address nor `localhost`.
    case notAnAddress(host: String)
    /// Other machines could use the service without a token.
    case tokenNeeded(host: String)
    /// The token's file can't be used.
    case tokenUnusable(path: String, reason: String)
    /// The data folder can't be used.
    case folderUnusable(path: String, reason: String)
    /// Another service uses the data folder.
    case folderInUse(path: String)
    /// The database failed.
    case database(path: String, reason: String)

    package var description: String {
        switch self {
        case .libraryMissing(let name, let package, let reason):
            "The service needs \(name), which can't be opened (\(reason)). Install it: "
                + "apt install \(package)"
        case .cannotListen(let host, let port, let reason):
            "Can't listen at \(host), port \(port) (\(reason)). Choose another one with --port."
        case .notAnAddress(let host):
            "The value '\(host)' is invalid for '--host <address>': expected an address such as "
                + "127.0.0.1, 0.0.0.0 or ::1"
        case .tokenNeeded(let host):
            "'--host \(host)' opens the service to other machines and requires "
                + "'--token-file <file>'; put a long random text into that file"
        case .tokenUnusable(let path, let reason):
            "\(path): can't be used as the token's file (\(reason)). Expected one line of 16 to "
                + "1024 visible ASCII characters."
        case .folderUnusable(let path, let reason):
            "\(path): can't be used as the data folder (\(reason)). Choose another one with --data."
        case .folderInUse(let path):
            "\(path): is in use by another 'swift-demucs serve'. Stop it, or choose another "
                + "folder with --data."
        case .database(let path, let reason):
            "\(path): the database failed (\(reason)). Check the space on its disk."
        }
    }
}
