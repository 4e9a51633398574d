import CServiceLibraries
import System

/// Functions of libmicrohttpd and libarchive.
struct ServiceLibraries: @unchecked Sendable {
    // @unchecked: the function pointers never change.
    let http: http_library
    let zip: zip_library

    /// - Throws: ``ServiceError/libraryMissing(name:package:reason:)``.
    init() throws(ServiceError) {
        http = try ServiceLibraries.load("libmicrohttpd", package: "libmicrohttpd12", http_load)
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
    /// The server or its jobs can't run: the system has no room for their threads.
    case cannotStart(SystemError)
    /// The host is neither an address nor `localhost`.
    case notAnAddress(host: String)
    /// Other machines could use the service without a token.
    case tokenNeeded(host: String)
    /// The file of tokens can't be used.
    case tokenUnusable(path: String, reason: String)
    /// The data folder can't be used.
    case folderUnusable(path: String, reason: String)
    /// The folder of the page that separates in the browser can't be read.
    case notAWebFolder(path: String, reason: String)
    /// Another service uses the data folder.
    case folderInUse(path: String)

    package var description: String {
        switch self {
        case .libraryMissing(let name, let package, let reason):
            "The service needs \(name), which can't be opened (\(reason)). Install it: "
                + "apt install \(package)"
        case .cannotListen(let host, let port, let reason):
            "Can't listen at \(host), port \(port) (\(reason)). Choose another port."
        case .cannotStart(let error): "The service can't be started (\(error))."
        case .notAnAddress(let host):
            "The value '\(host)' is invalid for the host: expected an address such as "
                + "127.0.0.1, 0.0.0.0 or ::1."
        case .tokenNeeded(let host):
            "The host \(host) opens the service to other machines, which requires a file of tokens: "
                + "put a long random text into one."
        case .tokenUnusable(let path, let reason):
            "\(path): can't be used as the file of tokens (\(reason)). Expected on each line 16 to "
                + "1024 visible ASCII characters, or a name, ':' and so many characters."
        case .folderUnusable(let path, let reason):
            "\(path): can't be used as the data folder: \(reason). Or choose another one."
        case .notAWebFolder(let path, let reason):
            "\(path): can't be used as the folder of --web (\(reason)). Expected the folder that "
                + "tools/build_web makes, dist/web."
        case .folderInUse(let path):
            "\(path): is in use by another service. Stop it, or choose another data folder."
        }
    }
}

extension ServiceError: CausedError {
    package var cause: ErrorCause {
        switch self {
        case .libraryMissing, .cannotStart: .engine
        case .cannotListen, .notAnAddress, .notAWebFolder, .tokenNeeded: .argument
        case .tokenUnusable: .input
        case .folderUnusable, .folderInUse: .output
        }
    }
}
