// Handles requests.

import Audio
import ModelZoo
import System

extension Service {
    /// Checks a request's head.
    ///
    /// - Returns: a reply that needs no body; nil to continue.
    func begin(_ request: Request) -> Reply? {
        answering(request) { () throws(Problem) -> Reply? in
            try request.checkHead()
            let targetBytes = request.rawTarget.utf8.count
            guard targetBytes <= RequestTarget.mostBytes else {
                throw Problem(
                    .badRequest,
                    "The address has \(targetBytes) bytes, expected at most "
                        + "\(RequestTarget.mostBytes). Send options as fields of a form.")
            }
            let isOfAll = request.method == "OPTIONS" && request.rawTarget == RequestTarget.all
            request.target = try isOfAll ? RequestTarget() : RequestTarget(request.rawTarget)
            if let client = ClientAddress(of: request, behind: connections.proxies) {
                request.client = client
                connections.belongs(request.socket, to: client)
            }
            if connections.isBeyondLimits(request.socket) {
                throw Problem(.busy, "There are too many connections. Try again later.")
            }
            if request.method == "OPTIONS" {
                try rules.check(request, needsToken: false)
                return preflight(request)
            }
            let found = try Route.find(request.method, request.target)
            request.user = try rules.check(request, needsToken: found.route.needsToken)
            request.turnKey = rules.tokens == nil ? request.client?.key ?? "" : request.user ?? ""
            try found.route.check(request.target.query)
            request.route = found.route
            request.parameters = found.parameters
            if found.route.takesSound {
                try request.checkEncoding()
                try beginUpload(request)
            } else if found.route.body != nil {
                try request.checkEncoding()
                try request.checkDocumentType()
                try request.checkBodyBytes(request.announcedBytes ?? 0)
            } else if request.hasBody {
                throw Problem(.badRequest, "The address takes no body.")
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
            let problem = Problem(error)
            metrics.count(problem)
            if problem.kind == .unauthorized,
                request.header("authorization")?.lowercased().hasPrefix("bearer ") == true
            {
                settings.log(
                    "A token was refused from \(request.client?.text ?? "an unknown address")")
            }
            machine.requestFailed(problem)
            if problem.kind.status >= 500, problem.kind != .busy || connections.isRefusalLogged() {
                let cause = error is Problem ? problem.detail : "\(error)"
                settings.log(
                    "\(request.method) \(request.target.path) has failed "
                        + "(\(problem.kind.rawValue)): \(cause)")
            }
            var refusal = Reply.problem(problem, path: request.target.path)
            if problem.kind == .methodNotAllowed {
                refusal.headers.append(("Allow", allowedMethods(request)))
            }
            reply = refusal
        }
        guard var reply else { return nil }
        reply.compress(for: request, libraries)
        guard let origin = request.header("origin"), rules.origins.contains(origin) else {
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

    /// The methods of an address, as `Allow` lists them (RFC 9110, section 10.2.1).
    private func allowedMethods(_ request: Request) -> String {
        let isOfAll = request.rawTarget == RequestTarget.all
        let methods =
            isOfAll ? Route.all.map(\.method) + ["HEAD"] : Route.methods(of: request.target)
        return Set(methods + ["OPTIONS"]).sorted().joined(separator: ", ")
    }

    /// Reply with the methods of an address, for pages of allowed origins.
    private func preflight(_ request: Request) -> Reply {
        let list = allowedMethods(request)
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
        case .listJobs: try listJobs(request)
        case .createJob: try createJob(request)
        case .showJob: .json(try snapshot(of: request).bytes)
        case .changeJob: try changeJob(request)
        case .deleteJob: try deleteJob(request)
        case .removeJobs: try removeJobs(request)
        case .moveJob: try moveJob(request)
        case .shareJob, .unshareJob: try shareJob(request)
        case .listSets: listSets(request)
        case .keepSet: try keepSet(request)
        case .removeSet: try removeSet(request)
        case .shareSet, .unshareSet: try shareSet(request)
        case .jobEvents: try events(request, job: request.parameters["id"])
        case .allEvents: try events(request, job: nil)
        case .stem: try stem(request)
        case .zip: try zip(request)
        case .mix: try mix(request)
        case .stemFile: try stemFile(request)
        case .peaks: try peaks(request)
        case .analysis: try analysis(request)
        case .separateNow, .separateNowByPut: try separateNow(request)
        case .convert: try convert(request)
        case .models:
            .json(
                models.json(
                    hasExample: example != nil, hasWeb: !webFiles.isEmpty,
                    hasFFmpeg: (try? ffmpeg()) != nil,
                    userCount: rules.tokens?.users.count))
        case .alive: .text("ok\n")
        case .ready: ready(request)
        case .metrics:
            .text(
                metrics.text(
                    states: queue.counts(), sharedJobs: queue.sharedCount,
                    connections: connections.count,
                    isReady: models.readiness == .ready, hasFault: machine.problem != nil),
                type: "text/plain; version=0.0.4")
        case .example, .exampleStem: try exampleTrack(request)
        case .page, .pageFile, .pageFolderFile, .description: try page(request)
        case .webFile: try webFile(request)
        case .explainer: try explainer(request)
        }
    }

    // MARK: - Small replies

    private func ready(_ request: Request) -> Reply {
        switch models.readiness {
        case .ready:
            if let problem = machine.problem {
                return .problem(problem, path: request.target.path)
            }
            guard let wanted = models.replacedModel else { return .text("ready\n") }
            return .text(
                "ready, with the small model '\(ModelStore.demoModel)' in place of '\(wanted)': "
                    + "run 'swift-demucs models fetch \(wanted)' and start the service again\n")
        case .loading:
            return .problem(
                Problem(.notReady, "The model '\(models.ownName)' is being loaded."),
                path: request.target.path)
        case .failed: return .problem(models.noModel, path: request.target.path)
        }
    }

    private func page(_ request: Request) throws(Problem) -> Reply {
        let name = request.target.segments.joined(separator: "/")
        guard let file = pageFiles[name.isEmpty ? "index.html" : name] else { throw .nothingHere }
        return file.reply(request)
    }

    /// The explainer runs the engine in the browser, so it lies beside that.
    private func explainer(_ request: Request) throws(Problem) -> Reply {
        let name = request.parameters["file"]
        guard name == nil || name == "" else { throw .nothingHere }
        guard webFiles["explain/index.html"] != nil else {
            throw Problem(
                .notFound,
                "The explainer needs the engine for browsers: start the service with --web and the "
                    + "folder that tools/build_web makes.")
        }
        // Relative, for a proxy that hands the service out under another path.
        let place = name == nil ? "web/explain/" : "../web/explain/"
        return Reply(307, headers: [(name: "Location", value: place)])
    }

    /// A file of the page that separates in the browser. Isolated from other pages, it gets shared
    /// memory; its policy is in its own head, because engine and models need more than the service's
    /// page.
    private func webFile(_ request: Request) throws(Problem) -> Reply {
        let name = request.parameters["path"] ?? ""
        let isFolder = name.isEmpty || name.hasSuffix("/")
        guard let file = webFiles[isFolder ? "\(name)index.html" : name] else {
            throw .nothingHere
        }
        var reply = file.reply(request)
        reply.headers.append(("Cross-Origin-Embedder-Policy", "require-corp"))
        reply.headers.append(("Content-Security-Policy", "frame-ancestors 'none'"))
        return reply
    }

    /// The job of a request.
    func job(of request: Request) throws(Problem) -> Job {
        try snapshot(of: request).job
    }

    /// The job of a request, if it has results: one that is done, or was cancelled after its first
    /// stems.
    func jobWithResults(of request: Request) throws(Problem) -> Job {
        let job = try job(of: request)
        guard job.state == .done || job.state == .cancelled && !job.stems.isEmpty else {
            throw Problem(
                .conflict,
                "The job is \(job.state.rawValue), expected done. Wait for it with "
                    + "/v1/separations/\(job.id)/events.")
        }
        return job
    }

    /// - Throws: `Problem`, also for another user's job that is not open, and to change one that is.
    func snapshot(of request: Request) throws(Problem) -> JobSnapshot {
        guard let snapshot = request.parameters["id"].flatMap({ queue.snapshot($0) }) else {
            throw Service.noJob
        }
        _ = try owned("job", snapshot.job, by: request)
        return snapshot
    }

    /// What a request is about.
    ///
    /// - Throws: `Problem` if it is missing, or another user's that is not open, or that the request changes.
    func owned<Record: OwnedRecord>(
        _ kind: String, _ record: Record?, by request: Request
    ) throws(Problem) -> Record {
        guard let record, record.isVisible(to: request.user) else { throw .missing(kind) }
        // A conversion only takes the job's tags.
        let isReading =
            ["GET", "HEAD"].contains(request.method) || request.route?.operation == .convert
        guard record.owner == request.user || isReading else {
            throw Problem(
                .forbidden, "The \(kind) belongs to another user, who alone can change it.")
        }
        return record
    }

    static let noJob = Problem.missing("job")

    private func events(_ request: Request, job id: String?) throws(Problem) -> Reply {
        if id != nil { _ = try job(of: request) }
        let cursor = (request.header("last-event-id") ?? request.query("last-event-id"))
            .flatMap { Int($0) }
        let limit = id == nil ? try pageLimit(request, in: 0...Service.mostPageJobs) : 0
        let user = request.user
        let stream = EventStream(eventLog, of: user, job: id, after: cursor) { [queue] in
            if let id {
                let (job, lastEvent) = queue.state(of: id, user)
                return (
                    [job.map { $0.job.owner == user ? .job($0) : .shared($0) } ?? .removed(id)],
                    lastEvent
                )
            }
            let page = queue.page(of: user, limit: limit, hasUnfinished: true)
            return (
                [.state(total: page.total, cursor: page.cursor)]
                    + queue.page(of: user, isShared: true).jobs.reversed().map(EventContent.shared)
                    + page.jobs.reversed().map(EventContent.job), page.lastEvent
            )
        }
        return Reply(
            200,
            headers: [
                ("Content-Type", "text/event-stream"), ("Cache-Control", "no-store"),
                ("X-Accel-Buffering", "no"),
            ], body: .stream(stream))
    }
}
