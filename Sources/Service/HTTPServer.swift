// An HTTP server on libmicrohttpd: a thread for each connection, so that a handler may block.

import CServiceLibraries
import System

/// Listens, and passes requests to the service.
final class HTTPServer: @unchecked Sendable {
    // @unchecked: the daemon is set before the first request, and stopped once.

    unowned let service: Service
    private var daemon: OpaquePointer?

    /// Connections beyond the limit that still get a reply with the refusal.
    private static let refusedConnections = 64
    /// Stack of a thread; pages that are not used take no memory.
    private static let stackBytes = 1 << 20

    init(_ service: Service) { self.service = service }

    private var libraries: ServiceLibraries { service.libraries }
    fileprivate var connections: ConnectionTable { service.connections }

    /// Starts to accept connections.
    ///
    /// - Throws: ``ServiceError/cannotStart(reason:)``.
    func start() throws(ServiceError) {
        let context = Unmanaged.passUnretained(self).toOpaque()
        func item(
            _ option: MHD_OPTION, _ value: Int, _ pointer: UnsafeMutableRawPointer? = nil
        ) -> MHD_OptionItem {
            MHD_OptionItem(option: option, value: value, ptr_value: pointer)
        }
        let options = [
            item(.LISTEN_SOCKET, Int(service.listener.descriptor)),
            item(.CONNECTION_LIMIT, connections.limits.connections + HTTPServer.refusedConnections),
            item(.CONNECTION_TIMEOUT, connections.limits.idleSeconds),
            item(.CONNECTION_MEMORY_LIMIT, connections.limits.headerBytes),
            item(.THREAD_STACK_SIZE, HTTPServer.stackBytes),
            item(.STRICT_FOR_CLIENT, 1),
            item(.URI_LOG_CALLBACK, unsafeBitCast(requestStarted, to: Int.self), context),
            item(.NOTIFY_COMPLETED, unsafeBitCast(requestEnded, to: Int.self), context),
            item(.NOTIFY_CONNECTION, unsafeBitCast(connectionChanged, to: Int.self), context),
            item(.END, 0),
        ]
        daemon = http_start(service.listener.isIPv6 ? 1 : 0, requestArrived, context, options)
        guard daemon != nil else {
            // The codes of a thread that can't be made.
            throw .cannotStart([EAGAIN, ENOMEM].contains(errno) ? .noThread : .last)
        }
    }

    /// Stops accepting connections; open connections continue.
    func quiesce() {
        guard let daemon else { return }
        _ = libraries.http.quiesce_daemon(daemon)
    }

    /// Closes all connections and waits for their threads.
    func stop() {
        guard let daemon else { return }
        libraries.http.stop_daemon(daemon)
        self.daemon = nil
    }

    // MARK: - Requests

    fileprivate func arrived(
        _ request: Request, _ connection: OpaquePointer, method: UnsafePointer<CChar>,
        version: UnsafePointer<CChar>, _ data: UnsafePointer<CChar>?,
        _ count: UnsafeMutablePointer<Int>
    ) -> MHD_Result {
        if !request.isBegun {
            request.isBegun = true
            readHead(of: request, connection, method, version)
            connections.requestBegan(request.socket, hasBody: request.hasBody)
            guard var reply = service.begin(request) else { return .YES }
            if request.hasBody {
                reply.headers.append(("Connection", "close"))
                if request.isReadThough {
                    request.refusal = reply
                    return .YES
                }
            }
            return send(reply, to: request, on: connection)
        }
        if count.pointee > 0 {
            let bytes = UnsafeRawBufferPointer(start: data, count: count.pointee)
            connections.received(request.socket, bytes.count)
            let goesOn = request.receive(bytes)
            count.pointee = 0
            return goesOn ? .YES : .NO
        }
        connections.bodyEnded(request.socket)
        return send(request.refusal ?? service.finish(request), to: request, on: connection)
    }

    /// Headers as the library's callback gets them.
    private struct Head {
        var headers: [(name: String, value: String)] = []
        /// The end of the last line in the library's memory.
        var end: UnsafePointer<CChar>
        var isPlain: Bool
    }

    /// The lines of a head lie one behind the other in the library's memory. It has written a zero over
    /// each CR and each LF, takes lines without CR, and moves lines that continue others; texts end at a
    /// zero that the client has sent. So lines that are not two bytes apart are not those of the client.
    private func readHead(
        of request: Request, _ connection: OpaquePointer, _ method: UnsafePointer<CChar>,
        _ version: UnsafePointer<CChar>
    ) {
        var head = Head(
            end: version + strlen(version),
            isPlain: request.targetEnd.map { version == $0 + 1 } ?? true
                && request.targetStart.map { $0 == method + strlen(method) + 1 } ?? true)
        withUnsafeMutablePointer(to: &head) { head in
            _ = libraries.http.get_connection_values(
                connection, .HEADER_KIND,
                { context, _, name, value in
                    guard let context, let name else { return .YES }
                    let text = value ?? name + strlen(name)
                    let head = context.assumingMemoryBound(to: Head.self)
                    // The space may begin the first line, or stand before the colon.
                    head.pointee.isPlain =
                        head.pointee.isPlain && name == head.pointee.end + 2
                        && strpbrk(name, " \t\r") == nil && strchr(text, 13) == nil
                    head.pointee.end = text + strlen(text)
                    let field = String(cString: name).lowercased()
                    head.pointee.headers.append((field, String(cString: text)))
                    if field == "content-type", let value { simplify(form: value) }
                    return .YES
                }, UnsafeMutableRawPointer(head))
        }
        // The end of the last line, and the empty one, are the end of the head.
        let isEnded = head.end + 4 == method + http_head_bytes(connection)
        // Later versions refuse such heads themselves.
        let isChecked = libraries.http.get_version().map { $0[0] } == CChar(UInt8(ascii: "0"))
        request.setHead(
            method: String(cString: method), version: String(cString: version),
            headers: head.headers,
            isPlain: !isChecked || head.isPlain && isEnded)
    }

    /// Passes a reply to the library.
    private func send(
        _ reply: Reply, to request: Request, on connection: OpaquePointer
    ) -> MHD_Result {
        guard let response = response(reply, of: connection) else {
            reply.discard()
            return .NO
        }
        defer { libraries.http.destroy_response(response) }
        let usual = HTTPServer.securityHeaders.filter { header in
            !reply.headers.contains { $0.name == header.name }
        }
        for (name, value) in reply.headers + usual {
            _ = libraries.http.add_response_header(response, name, value)
        }
        request.status = reply.status
        connections.replyBegan(request.socket)
        if case .stream(let stream, _) = reply.body {
            if let events = stream as? EventStream {
                connections.streamBegan(request.socket, of: request.user, end: events.end)
            }
            // The library ends a stream with an empty chunk also for HEAD, and a client would take it
            // for the beginning of the next reply.
            if request.method == "HEAD" {
                _ = libraries.http.add_response_header(response, "Connection", "close")
            }
        }
        return libraries.http.queue_response(connection, UInt32(reply.status), response)
    }

    private func response(_ reply: Reply, of connection: OpaquePointer) -> OpaquePointer? {
        // A client that stops reading is disconnected after this time. A connection keeps the timeout
        // of its last reply, so that every reply sets it.
        var timeoutSeconds = connections.limits.idleSeconds
        if case .stream(let stream, _) = reply.body { timeoutSeconds += stream.silenceSeconds }
        http_set_timeout(connection, UInt32(timeoutSeconds))
        switch reply.body {
        case .bytes(let bytes):
            var bytes = bytes
            return bytes.withUnsafeMutableBytes {
                libraries.http.create_response_from_buffer(
                    $0.count, $0.baseAddress, .RESPMEM_MUST_COPY)
            }
        case .file(let descriptor, let offset, let count):
            return libraries.http.create_response_from_fd_at_offset64(
                UInt64(count), descriptor, UInt64(offset))
        case .stream(let stream, let bytes):
            return libraries.http.create_response_from_callback(
                bytes.map(UInt64.init) ?? http_size_unknown(), 1 << 16, readStream,
                Unmanaged.passRetained(StreamBox(stream)).toOpaque(),
                { Unmanaged<StreamBox>.fromOpaque($0!).release() })
        }
    }

    /// Scripts, styles and images are loaded from the service only, and no other site may frame the
    /// page or read replies.
    private static let securityHeaders: [(name: String, value: String)] = [
        (
            name: "Content-Security-Policy",
            value: "default-src 'self'; script-src 'self'; style-src 'self'; "
                + "img-src 'self' data:; media-src 'self' blob:; connect-src 'self'; "
                + "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        ),
        ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"), ("X-Frame-Options", "DENY"),
    ]
}

private final class StreamBox {
    let stream: any ByteStream

    init(_ stream: any ByteStream) { self.stream = stream }
}

// MARK: - Callbacks of the library

private let requestStarted:
    @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<CChar>?, OpaquePointer?) ->
        UnsafeMutableRawPointer? = { _, target, connection in
            guard let connection else { return nil }
            let request = Request(
                rawTarget: target.map { String(cString: $0) } ?? "",
                targetStart: target, targetEnd: target.map { $0 + strlen($0) },
                socket: http_socket(connection), connection: connection)
            if let target { hideFields(of: target) }
            return Unmanaged.passRetained(request).toOpaque()
        }

/// Hides the fields of the query from the library, which would make a record of 70 bytes of each, and
/// close the connection without a reply when they fill its memory. ``RequestTarget`` parses the query.
private func hideFields(of target: UnsafePointer<CChar>) {
    // The text is in the connection's memory, and the library has not split it yet.
    let text = UnsafeMutablePointer(mutating: target)
    for index in 0..<strlen(target) where text[index] == CChar(UInt8(ascii: "&")) {
        text[index] = CChar(UInt8(ascii: "_"))
    }
}

/// Writes the type of a form as the library's parser takes it: nothing but the boundary, in quotation marks. It takes
/// other parameters for a part of the boundary, no `Boundary`, and none of one character.
private func simplify(form type: UnsafePointer<CChar>) {
    // In ASCII, the text has as many bytes as the library's memory.
    guard UnsafeBufferPointer(start: type, count: strlen(type)).allSatisfy({ $0 >= 0 }) else {
        return
    }
    let text = String(cString: type)
    guard let form = text.prefixMatch(of: Request.form) else { return }
    let parameter = /;[ \t]*([^=; \t]+)=(?:"((?:[^"\\]|\\.)*)"|([^;, \t"]+))/
    let boundary = text[form.range.upperBound...].matches(of: parameter)
        .first { $0.output.1.lowercased() == "boundary" }
        .map { String($0.output.2 ?? $0.output.3 ?? "").replacing(/\\(.)/) { $0.output.1 } }
    guard let boundary else { return }
    // The library looks for the word wherever it is. The text gets at most one byte longer, and then takes the place
    // of CR, of which the library has made a zero, as it has of LF.
    let simple = "multipart/form-databoundary=\"\(boundary)\""
    guard simple.utf8.count <= text.utf8.count + 1 else { return }
    UnsafeMutablePointer(mutating: type).update(from: simple, count: simple.utf8.count + 1)
}

private let requestArrived: MHD_AccessHandlerCallback = {
    context, connection, _, method, version, data, count, slot in
    guard let context, let connection, let method, let version, let count,
        let request = slot?.pointee
    else { return .NO }
    let server = Unmanaged<HTTPServer>.fromOpaque(context).takeUnretainedValue()
    return server.arrived(
        Unmanaged<Request>.fromOpaque(request).takeUnretainedValue(), connection,
        method: method, version: version, data, count)
}

private let requestEnded: MHD_RequestCompletedCallback = { context, _, slot, _ in
    guard let context, let slot, let pointer = slot.pointee else { return }
    let server = Unmanaged<HTTPServer>.fromOpaque(context).takeUnretainedValue()
    let request = Unmanaged<Request>.fromOpaque(pointer).takeRetainedValue()
    slot.pointee = nil
    server.service.connections.requestEnded(request.socket)
    server.service.end(request)
}

private let connectionChanged: MHD_NotifyConnectionCallback = { context, connection, _, code in
    guard let context, let connection else { return }
    let server = Unmanaged<HTTPServer>.fromOpaque(context).takeUnretainedValue()
    if code == .CONNECTION_NOTIFY_STARTED {
        server.connections.opened(http_socket(connection))
    } else {
        server.connections.closed(http_socket(connection))
    }
}

private let readStream: MHD_ContentReaderCallback = { box, _, buffer, capacity in
    guard let box, let buffer else { return http_end_with_error() }
    let stream = Unmanaged<StreamBox>.fromOpaque(box).takeUnretainedValue().stream
    do {
        let bytes = UnsafeMutableRawBufferPointer(start: buffer, count: capacity)
        return try stream.read(into: bytes) ?? http_end_of_stream()
    } catch {
        return http_end_with_error()
    }
}
