// Requests with a document: the name and the notes of a song, and sets.

import System

extension Service {
    /// The document in a request's body, as its address describes it.
    private func document(of request: Request) throws(Problem) -> [String: JSON] {
        guard request.body.count <= Request.mostBodyBytes else {
            throw Problem(
                .tooLarge,
                "The body has more than the \(Request.mostBodyBytes) bytes that the address takes.")
        }
        let value: JSON
        do throws(JSONError) {
            var cursor = JSONCursor(request.body)
            value = try cursor.value()
            try cursor.end()
        } catch {
            throw Problem(
                .badRequest, "The body is not JSON: \(error.problem), at byte \(error.offset).")
        }
        switch request.route?.body?.violation(of: value) {
        case .unknown(let name, let path, let known)?:
            let place = path.isEmpty ? "the body" : "'\(path)'"
            throw .unknownField(name, "field of \(place)", among: known)
        case .invalid(let value?, let path, let expected)?:
            throw .option(path.isEmpty ? "the body" : path, value: value.line, expected: expected)
        case .invalid(nil, let path, _)?:
            throw Problem(.invalidOption, "The body has no field '\(path)'.")
        case nil: break
        }
        guard case .object(let fields) = value else { return [:] }
        return fields
    }

    /// Changes what the owner may say about a job.
    func changeJob(_ request: Request) throws -> Reply {
        let id = try job(of: request).id
        let fields = try document(of: request)
        var name: String?
        if case .text(let text)? = fields["name"] { name = Job.label(text) }
        guard try queue.describe(id, name: name, notes: fields["notes"]) else {
            throw Service.noJob
        }
        return .json(try snapshot(of: request).bytes)
    }

    func listSets(_ request: Request) -> Reply {
        .json(["sets": .array(sets.visible(to: request.user).map { $0.json(for: request.user) })])
    }

    func keepSet(_ request: Request) throws -> Reply {
        let id = request.parameters["id"] ?? ""
        guard Job.isID(id) else {
            throw Problem.option("id", value: id, expected: "24 digits of 0 to 9 and a to f")
        }
        let former = try sets[id].map { _ in try songSet(of: request) }
        let set = SongSet(
            id: id, set: .object(try document(of: request)), owner: request.user,
            isShared: former?.isShared == true)
        try sets.keep(set)
        return .json(set.json(for: request.user))
    }

    /// Opens a set for all users (PUT), or takes it back (DELETE).
    func shareSet(_ request: Request) throws -> Reply {
        var set = try songSet(of: request)
        set.isShared = request.method == "PUT"
        try sets.keep(set)
        return .json(set.json(for: request.user))
    }

    func removeSet(_ request: Request) throws -> Reply {
        try sets.remove(try songSet(of: request))
        return Reply(204)
    }

    private func songSet(of request: Request) throws(Problem) -> SongSet {
        try owned("set", sets[request.parameters["id"] ?? ""], by: request)
    }
}
