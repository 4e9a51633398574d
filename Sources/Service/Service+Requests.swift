// Handles requests.

import Audio
import Files
import LibC

extension Service {
    /// Checks a request's head.
    ///
    /// - Returns: a reply that needs no body; nil to continue.
    func begin(_ request: Request) -> Reply? {
        answering(request) { () throws(Problem) -> Reply? in
            request.target = try RequestTarget(request.rawTarget)
            try request.checkHead()
            if connections.count > settings.limits.connections {
                throw Problem(.busy, "There are too many connections. Try again later.")
            }
            if request.method == "OPTIONS" {
                try rules.check(request, needsToken: false)
                return preflight(request)
            }
            let found = try Route.find(request.method, request.target)
            try rules.check(request, needsToken: found.route.needsToken)
            request.route = found.route
            request.parameters = found.parameters
            switch found.route.operation {
            case .createJob, .separateNow: try beginUpload(request)
            default:
                if request.hasBody {
                    throw Problem(.badRequest, "The address takes no body.")
                }
            }
            return nil
        }
    }

    /// Answers a complete request.
    func finish(_ request: Request) -> Reply {
        let reply = answering(request) { () throws -> Reply? in
            guard let route = request.route else { return nil }
            return try answer(request, route.operation)
        }
        // Every request has a route here.
        return reply ?? .problem(Problem(.notFound, "Not found."), path: "/")
    }

    /// Cleans up after the reply was sent or the connection has closed.
    func end(_ request: Request) {
        if let status = request.status {
            metrics.count(status: status, receivedBytes: request.upload?.countBytes ?? 0)
        }
        // A file that became a job was moved away before.
        if let upload = request.upload { unlink(upload.path) }
    }

    private func answering<Failure: Error>(
        _ request: Request, _ body: () throws(Failure) -> Reply?
    ) -> Reply? {
        let reply: Reply?
        do throws(Failure) {
            reply = try body()
        } catch {
            var problem = Problem(error)
            if error is ServiceError {
                problem = Problem(.diskFull, "The job can't be stored. Try again later.")
            }
            metrics.count(problem)
            let detail = problem.detail.replacing(folder.path, with: "the data folder")
            reply = .problem(Problem(problem.kind, detail), path: request.target.path)
        }
        guard var reply, let origin = request.header("origin"), rules.origins.contains(origin)
        else {
            return reply
        }
        reply.headers += [
            ("Access-Control-Allow-Origin", origin), ("Vary", "Origin"),
            (
                "Access-Control-Expose-Headers",
                "Location, ETag, Content-Range, Content-Disposition, Retry-After"
            ),
        ]
        return reply
    }

    /// Reply with the methods of an address, for pages of allowed origins.
    private func preflight(_ request: Request) -> Reply {
        let methods = Route.methods(of: request.target.path, request.target) + ["OPTIONS"]
        let list = Set(methods).sorted().joined(separator: ", ")
        return Reply(
            204,
            headers: [
                ("Allow", list), ("Access-Control-Allow-Methods", list),
                (
                    "Access-Control-Allow-Headers",
                    "Authorization, Content-Type, Last-Event-ID, Range, X-Filename"
                ),
            ])
    }

    private func answer(_ request: Request, _ operation: Route.Operation) throws -> Reply {
        switch operation {
        case .listJobs: .json(["separations": .array(book.list().jobs)])
        case .createJob: try createJob(request)
        case .showJob: .json(try json(of: request))
        case .deleteJob: try deleteJob(request)
        case .jobEvents: try events(request, job: request.parameters["id"])
        case .allEvents: try events(request, job: nil)
        case .stem: try stem(request)
        case .zip: try zip(request)
        case .mix: try mix(request)
        case .peaks: try peaks(request)
        case .separateNow: try separateNow(request)
        case .models: .json(shelf.json(version: settings.version, limits: settings.limits))
        case .alive: .text("ok\n")
        case .ready: ready(request)
        case .metrics:
            .text(
                metrics.text(
                    states: book.counts(), connections: connections.count,
                    dataBytes: folder.countBytes(), isReady: shelf.readiness == .ready),
                type: "text/plain; version=0.0.4")
        case .description:
            Reply(
                200,
                headers: [("Content-Type", "application/json"), ("Cache-Control", "no-cache")],
                body: .bytes(PageFile.description))
        case .example: try exampleTrack(request)
        case .page: try page(request)
        }
    }

    // MARK: - Small replies

    private func ready(_ request: Request) -> Reply {
        switch shelf.readiness {
        case .ready: return .text("ready\n")
        case .loading:
            return .problem(
                Problem(.notReady, "The model is being loaded."), path: request.target.path)
        case .failed(let reason):
            return .problem(ModelShelf.noModel(reason), path: request.target.path)
        }
    }

    private func page(_ request: Request) throws(Problem) -> Reply {
        let name = request.parameters["file"] ?? "index.html"
        guard let file = PageFile.all.first(where: { $0.name == name }) else {
            throw Problem(.notFound, "There is nothing at this address.")
        }
        var hash = SHA256()
        hash.update(file.bytes)
        let tag = "\"\(hash.hexadecimal.prefix(32))\""
        let headers = [
            (name: "Content-Type", value: file.type), ("Cache-Control", "no-cache"), ("ETag", tag),
        ]
        if request.header("if-none-match") == tag { return Reply(304, headers: headers) }
        return Reply(200, headers: headers, body: .bytes(file.bytes))
    }

    /// The job of a request.
    ///
    /// - Throws: `Problem`.
    func job(of request: Request) throws(Problem) -> Job {
        guard let id = request.parameters["id"], Job.isID(id), let job = book.job(id) else {
            throw Problem(.notFound, "There is no such job; it may have been removed.")
        }
        return job
    }

    /// The job of a request, if it has results.
    ///
    /// - Throws: `Problem`.
    func doneJob(of request: Request) throws(Problem) -> Job {
        let job = try job(of: request)
        guard job.state == .done else {
            throw Problem(
                .conflict,
                "The job is \(job.state.rawValue), expected done. Wait for it with "
                    + "/v1/separations/\(job.id)/events.")
        }
        return job
    }

    private func json(of request: Request) throws(Problem) -> JSON {
        guard let json = book.json(try job(of: request).id) else {
            throw Problem(.notFound, "There is no such job; it may have been removed.")
        }
        return json.job
    }

    private func deleteJob(_ request: Request) throws -> Reply {
        let id = try job(of: request).id
        guard let isRemoved = try book.cancelOrRemove(id) else {
            throw Problem(.notFound, "There is no such job; it may have been removed.")
        }
        if isRemoved { return Reply(204) }
        // Cancelling a running job takes up to a segment.
        let deadline = Timestamp.uptime + 10
        _ = book.waitForEnd(id) { Timestamp.uptime > deadline || request.isAbandoned }
        return .json(book.json(id)?.job ?? .null)
    }

    private func events(_ request: Request, job id: String?) throws(Problem) -> Reply {
        if id != nil { _ = try job(of: request) }
        let cursor = (request.header("last-event-id") ?? request.query("last-event-id"))
            .flatMap { Int($0) }
        let stream = EventStream(hub, job: id, after: cursor) { [book, hub] in
            guard let id else {
                let list = book.list()
                return (list.jobs.reversed(), list.lastEvent)
            }
            return book.json(id).map { ([$0.job], $0.lastEvent) } ?? ([], hub.lastID)
        }
        return Reply(
            200,
            headers: [
                ("Content-Type", "text/event-stream"), ("Cache-Control", "no-store"),
                ("X-Accel-Buffering", "no"),
            ], body: .stream(stream))
    }
}
