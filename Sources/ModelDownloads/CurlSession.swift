// A libcurl handle for requests one after the other, and their common options.

import CCurl
import ModelZoo

/// Requests that share a connection if possible; used by one thread.
final class CurlSession {
    private let curl: Curl
    private let handle: UnsafeMutableRawPointer
    private let multi: UnsafeMutableRawPointer
    private let errorText: UnsafeMutablePointer<CChar>
    private let takeHeadLine: (_ line: UnsafeRawBufferPointer, _ status: Int) -> Bool
    private let takeBody: (UnsafeRawBufferPointer) -> Bool
    /// libcurl's result of the last request.
    private var code = CURLE_OK

    /// - Parameters:
    ///   - takeHeadLine: takes a line of a head with its line end, and the status of the reply;
    ///     `false` ends the request.
    ///   - takeBody: takes bytes of a body; `false` ends the request.
    /// - Throws: ``DownloadError/libraryUnusable(reason:)``.
    init(
        takeHeadLine: @escaping (_ line: UnsafeRawBufferPointer, _ status: Int) -> Bool,
        takeBody: @escaping (UnsafeRawBufferPointer) -> Bool
    ) throws {
        curl = try openCurl()
        guard let handle = curl.pointee.easy_init(), let multi = curl.pointee.multi_init() else {
            throw DownloadError.libraryUnusable(reason: "it gives no handle")
        }
        self.handle = handle
        self.multi = multi
        self.takeHeadLine = takeHeadLine
        self.takeBody = takeBody
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        try setOptions()
    }

    deinit {
        curl.pointee.easy_cleanup(handle)
        _ = curl.pointee.multi_cleanup(multi)
        errorText.deallocate()
    }

    /// Sets options. By default, libcurl reads no `.netrc` and keeps no cookies.
    private func setOptions() throws {
        // libcurl must not change the program's signal handling.
        try set(CURLOPT_NOSIGNAL, 1)
        try set(CURLOPT_SSL_VERIFYPEER, 1)
        try set(CURLOPT_SSL_VERIFYHOST, 2)
        // CURLOPT_PROTOCOLS_STR is unknown before 7.85; Ubuntu 22.04 has 7.81.
        try set(CURLOPT_PROTOCOLS, Int(CURLPROTO_HTTP | CURLPROTO_HTTPS))
        // Redirects are followed by ``Transfer``, which checks each address before it is requested.
        try set(CURLOPT_FOLLOWLOCATION, 0)
        try set(CURLOPT_USERAGENT, "swift-demucs")
        // A compressed reply can be neither counted nor resumed.
        try set(CURLOPT_ACCEPT_ENCODING, "identity")
        try set(CURLOPT_HTTP_CONTENT_DECODING, 0)
        // The head of a proxy's reply is not the server's.
        try set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        ccurl_set_quick_exit(curl, handle)
        try check(ccurl_set_error_buffer(curl, handle, errorText))
        try check(
            ccurl_set_receivers(
                curl, handle,
                { CurlSession.take($0, $2, $3) { $0.takeHeadLine($1, $0.status) } },
                { CurlSession.take($0, $2, $3) { $0.takeBody($1) } },
                Unmanaged.passUnretained(self).toOpaque()))
    }

    func set(_ option: CURLoption, _ value: Int) throws(DownloadError) {
        try check(ccurl_set_number(curl, handle, option, value))
    }

    func set(_ option: CURLoption, _ value: String) throws(DownloadError) {
        try check(ccurl_set_text(curl, handle, option, value))
    }

    /// Throws if libcurl rejects an option: without it a rule would not apply.
    private func check(_ code: CURLcode) throws(DownloadError) {
        if code != CURLE_OK { throw .libraryUnusable(reason: text(code)) }
    }

    private func check(_ code: CURLMcode) throws(DownloadError) {
        guard code != CURLM_OK else { return }
        let text = curl.pointee.multi_strerror(code).map { String(cString: $0) }
        throw .libraryUnusable(reason: text ?? "error \(code.rawValue)")
    }

    private func text(_ code: CURLcode) -> String {
        errorText.pointee != 0
            ? String(cString: errorText)
            : curl.pointee.easy_strerror(code).map { String(cString: $0) }
                ?? "error \(code.rawValue)"
    }

    // MARK: - A request

    /// Begins a request; ``stop()`` has to follow.
    func start(_ address: String) throws {
        errorText.pointee = 0
        code = CURLE_OK
        try set(CURLOPT_URL, address)
        try check(curl.pointee.multi_add_handle(multi, handle))
    }

    /// Ends the request, finished or not.
    func stop() { _ = curl.pointee.multi_remove_handle(multi, handle) }

    /// Continues the request; waits for more data if the request isn't finished.
    func isRunning(waiting seconds: Double) throws(DownloadError) -> Bool {
        var running: Int32 = 0
        var result = curl.pointee.multi_perform(multi, &running)
        if result == CURLM_OK, running > 0 {
            let milliseconds = Int32(max(1, seconds * 1000))
            result = curl.pointee.multi_poll(multi, nil, 0, milliseconds, nil)
        }
        try check(result)
        var queued: Int32 = 0
        while let message = curl.pointee.multi_info_read(multi, &queued) {
            if message.pointee.msg == CURLMSG_DONE { code = message.pointee.data.result }
        }
        return running > 0
    }

    /// Checks the result of the request.
    func checkResult() throws(ConnectionFailure) {
        if code == CURLE_OK { return }
        let broken = [
            CURLE_GOT_NOTHING, CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_PARTIAL_FILE,
            CURLE_OPERATION_TIMEDOUT, CURLE_HTTP2, CURLE_HTTP2_STREAM,
        ]
        // 4xx and 5xx: a proxy refuses the connection to the server.
        let isRefusedByProxy = ccurl_number(curl, handle, CURLINFO_HTTP_CONNECTCODE) >= 400
        throw ConnectionFailure(
            isInterruption: broken.contains(code) && !isRefusedByProxy,
            isInvalidReply: code == CURLE_WEIRD_SERVER_REPLY, reason: text(code))
    }

    /// The absolute address that the last reply redirects to.
    var redirect: String? { ccurl_redirect(curl, handle).map { String(cString: $0) } }

    // MARK: - Callbacks

    /// - Returns: `count` to continue.
    private static func take(
        _ bytes: UnsafeMutablePointer<CChar>?, _ count: Int, _ context: UnsafeMutableRawPointer?,
        _ take: (CurlSession, UnsafeRawBufferPointer) -> Bool
    ) -> Int {
        guard let context else { return 0 }
        // The session is alive, because its own handle calls.
        let session = Unmanaged<CurlSession>.fromOpaque(context).takeUnretainedValue()
        let isTaken = take(session, UnsafeRawBufferPointer(start: bytes, count: count))
        // Any number but `count` ends the request; if `count` is 0, 0 would not end it.
        return isTaken ? count : count + 1
    }

    /// Status of the reply that is being received.
    private var status: Int { ccurl_number(curl, handle, CURLINFO_RESPONSE_CODE) }
}

/// Functions of the machine's libcurl.
typealias Curl = UnsafePointer<ccurl>

/// Opens libcurl on the first call.
///
/// - Throws: ``DownloadError/libraryUnusable(reason:)``.
func openCurl() throws(DownloadError) -> Curl {
    var problem: UnsafePointer<CChar>?
    guard let curl = ccurl_load(&problem) else {
        throw .libraryUnusable(reason: problem.map { String(cString: $0) } ?? "unknown reason")
    }
    return curl
}

/// A request that failed below HTTP.
struct ConnectionFailure: Error {
    /// Whether the connection broke after a server was reached: the same request may succeed later.
    let isInterruption: Bool
    /// Whether the reply's head is invalid, such as `Content-Length: -5`, which RFC 9112 (6.3) calls
    /// an unrecoverable error.
    var isInvalidReply = false
    let reason: String
}
