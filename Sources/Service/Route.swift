import System

/// An address with its method, and what its requests and replies are; ``OpenAPI`` describes them.
struct Route: Sendable {
    /// The name is the id of the operation in the description.
    enum Operation: String, Sendable {
        case listJobs, createJob, showJob, changeJob, deleteJob, removeJobs, moveJob, shareJob,
            unshareJob
        case listSets, keepSet, removeSet, shareSet, unshareSet
        case jobEvents, allEvents, stem, zip, stemFile, mix, peaks, analysis, separateNow,
            separateNowByPut, convert
        case models, alive, ready, metrics, description, example, exampleStem
        case page, pageFile, pageFolderFile, webFile, explainer
    }

    /// The method; GET includes HEAD.
    let method: String
    /// The pattern of the path, `/v1/separations/{id}/stems/{file}`.
    let pattern: String
    let operation: Operation
    let summary: String
    /// Whether the token is needed, if the service has one. The page can't send one before it is
    /// loaded.
    let needsToken: Bool
    /// Whether a sound is the body, and the request's fields are parameters.
    let takesSound: Bool
    /// The document that is the body; nil without one.
    let body: JSONSchema?
    let parameters: [OpenAPI.Parameter]
    /// The fields of the query; nil if the handler looks at their names.
    let fields: [String]?
    let responses: [Int: OpenAPI.Response]
    /// The problems of requests.
    let refusals: [Problem.Kind]

    /// - Parameters:
    ///   - parameters: those besides the id, those of a sound and those of a range.
    ///   - refusals: the problems that don't follow from the rest of the route.
    // Inlined into each row of the table, it would take a tenth of the module's compilation.
    @inline(never)
    init(
        _ method: String, _ pattern: String, _ operation: Operation, _ summary: String,
        needsToken: Bool = true, takesSound: Bool = false, body: JSONSchema? = nil,
        parameters: [OpenAPI.Parameter] = [], _ responses: [Int: OpenAPI.Response],
        refusals: [Problem.Kind] = []
    ) {
        self.method = method
        self.pattern = pattern
        self.operation = operation
        self.summary = summary
        self.needsToken = needsToken
        self.takesSound = takesSound
        self.body = body
        self.responses = responses
        let (takesID, takesRange) = (pattern.contains("{id}"), responses[206] != nil)
        self.parameters =
            (takesID ? [.shared("id")] : []) + parameters
            + (takesSound && operation != .convert ? [.shared("options")] : [])
            + (takesSound ? ["filename", "X-Filename"].map { .shared($0) } : [])
            + (takesRange ? ["Range", "If-Range", "If-None-Match"].map { .shared($0) } : [])
        fields = OpenAPI.fields(of: self.parameters)
        self.refusals =
            [.badRequest, .forbidden, .wrongHost, .busy]
            + (Self.pages.contains(operation) ? [] : [.invalidOption])
            + refusals
            + (needsToken ? [.unauthorized] : []) + (pattern.contains("{") ? [.notFound] : [])
            + (takesSound
                ? [.tooLarge, .unsupportedType, .notASound, .queueFull, .tooManyRequests] : [])
            + (body != nil ? [.tooLarge, .unsupportedType] : [])
            + (takesRange ? [.rangeNotSatisfiable] : [])
    }

    /// The files of the pages, to whose links other sites add fields.
    private static let pages: Set<Operation> = [
        .page, .pageFile, .pageFolderFile, .webFile, .explainer,
    ]

    /// - Throws: `Problem` for a field that the address doesn't have, or that is there twice.
    func check(_ query: [(name: String, value: String)]) throws(Problem) {
        if Self.pages.contains(operation) { return }
        for (name, _) in query {
            guard let fields, !fields.contains(name) else { continue }
            throw .unknownField(name, "field of this address", among: fields)
        }
        try Self.checkOnce(query)
    }

    /// - Throws: `Problem` for a field that is there twice: which one counts would be a guess.
    static func checkOnce(_ fields: [(name: String, value: String)]) throws(Problem) {
        var seen: Set<String> = []
        // A job may have several mixes.
        for (name, value) in fields where name != "mix" && !seen.insert(name).inserted {
            throw .option(name, value: value, expected: "one value")
        }
    }

    /// Values of the variable parts of a path; nil if the path doesn't fit. `{path}` is the rest of it,
    /// with slashes.
    func parameters(in segments: [String]) -> [String: String]? {
        let parts = pattern.split(separator: "/")
        var segments = segments
        if parts.last == "{path}", segments.count > parts.count {
            let rest = segments[(parts.count - 1)...]
            segments.replaceSubrange(rest.indices, with: [rest.joined(separator: "/")])
        }
        guard parts.count == segments.count else { return nil }
        var parameters: [String: String] = [:]
        for (part, segment) in zip(parts, segments) {
            if part.hasPrefix("{") {
                parameters[String(part.dropFirst().dropLast())] = segment
            } else if part != segment {
                return nil
            }
        }
        return parameters
    }

    /// The route of a request.
    ///
    /// - Throws: `Problem` if there is none.
    static func find(
        _ method: String, _ target: RequestTarget
    ) throws(Problem) -> (route: Route, parameters: [String: String]) {
        let method = method == "HEAD" ? "GET" : method
        let fitting = all.compactMap { route in
            route.parameters(in: target.segments).map { (route: route, parameters: $0) }
        }
        if let found = fitting.first(where: { $0.route.method == method }) { return found }
        let methods = methods(of: target)
        if methods.isEmpty { throw .nothingHere }
        throw Problem(
            .methodNotAllowed,
            "The address does not take \(method.prefix(20)), expected "
                + methods.joined(separator: ", "))
    }

    /// The methods that an address takes; a file of the page is no address but for GET.
    static func methods(of target: RequestTarget) -> [String] {
        all.filter { route in
            ![.pageFile, .pageFolderFile].contains(route.operation)
                && route.parameters(in: target.segments) != nil
        }
        .flatMap { $0.method == "GET" ? ["GET", "HEAD"] : [$0.method] }
    }
}
