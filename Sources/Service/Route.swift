// The routes of the service.

/// An address with its method. `openapi.json` describes all of them.
struct Route: Sendable, Equatable {
    enum Operation: Sendable {
        case listJobs, createJob, showJob, deleteJob, jobEvents, allEvents, stem, zip, mix, peaks
        case separateNow, models, alive, ready, metrics, description, example, page
    }

    /// The method; GET includes HEAD.
    let method: String
    /// The pattern of the path, `/v1/separations/{id}/stems/{file}`.
    let pattern: String
    let operation: Operation
    /// Whether the token is needed, if the service has one. The page can't send one before it is
    /// loaded.
    var needsToken = true

    static let all = [
        Route(method: "GET", pattern: "/v1/separations", operation: .listJobs),
        Route(method: "POST", pattern: "/v1/separations", operation: .createJob),
        Route(method: "GET", pattern: "/v1/separations/{id}", operation: .showJob),
        Route(method: "DELETE", pattern: "/v1/separations/{id}", operation: .deleteJob),
        Route(method: "GET", pattern: "/v1/separations/{id}/events", operation: .jobEvents),
        Route(method: "GET", pattern: "/v1/separations/{id}/stems/{file}", operation: .stem),
        Route(method: "GET", pattern: "/v1/separations/{id}/stems.zip", operation: .zip),
        Route(method: "GET", pattern: "/v1/separations/{id}/mix", operation: .mix),
        Route(method: "GET", pattern: "/v1/separations/{id}/peaks", operation: .peaks),
        Route(method: "GET", pattern: "/v1/events", operation: .allEvents),
        Route(method: "POST", pattern: "/v1/separate/{file}", operation: .separateNow),
        // The address that `curl -T` makes of a file name.
        Route(method: "PUT", pattern: "/v1/separate/{file}", operation: .separateNow),
        Route(method: "GET", pattern: "/v1/models", operation: .models),
        Route(method: "GET", pattern: "/metrics", operation: .metrics),
        Route(method: "GET", pattern: "/livez", operation: .alive, needsToken: false),
        Route(method: "GET", pattern: "/readyz", operation: .ready, needsToken: false),
        Route(
            method: "GET", pattern: "/openapi.json", operation: .description, needsToken: false),
        Route(method: "GET", pattern: "/demo_track.ogg", operation: .example),
        Route(method: "GET", pattern: "/", operation: .page, needsToken: false),
        Route(method: "GET", pattern: "/{file}", operation: .page, needsToken: false),
    ]

    /// Values of the variable parts of a path; nil if the path doesn't fit.
    func parameters(in segments: [String]) -> [String: String]? {
        let parts = pattern.split(separator: "/")
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
        // The page's files are not counted as addresses for methods other than GET.
        guard let other = fitting.first else {
            throw Problem(
                .notFound,
                "There is nothing at this address. The addresses are described in /openapi.json.")
        }
        throw Problem(
            .methodNotAllowed,
            "The address does not take \(method.prefix(20)), expected "
                + methods(of: other.route.pattern, target).joined(separator: ", "))
    }

    /// The methods of a path.
    static func methods(of pattern: String, _ target: RequestTarget) -> [String] {
        all.filter { $0.parameters(in: target.segments) != nil }.map(\.method)
            .flatMap { $0 == "GET" ? ["GET", "HEAD"] : [$0] }
    }
}
