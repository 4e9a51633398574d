// Requests with a document: the name and the notes of a song, and sets.

import System

extension Service {
    /// The document in a request's body, as its address describes it.
    private func document(of request: Request) throws(Problem) -> [String: JSON] {
        try request.checkBodyBytes(request.body.count)
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
        if case .text(let text)? = fields["name"] {
            name = Job.label(text)
            guard name == text else {
                throw Problem.option(
                    "name", value: text,
                    expected: "a name of visible characters, without / and \\")
            }
        }
        var notes: [String: JSON] = [:]
        if case .object(let given)? = fields["notes"] { notes = given }
        guard try queue.describe(id, name: name, notes: notes) else { throw Service.noJob }
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
        let content = JSON.object(try document(of: request))
        return try changeSet(request) { former in
            let former = try former.map { try owned("set", $0, by: request) }
            return SongSet(
                id: id, content: content, owner: request.user, isShared: former?.isShared == true)
        }
    }

    /// Opens a set for all users (PUT), or takes it back (DELETE).
    func shareSet(_ request: Request) throws -> Reply {
        try changeSet(request) { former in
            var set = try owned("set", former, by: request)
            set.isShared = request.method == "PUT"
            return set
        }
    }

    func removeSet(_ request: Request) throws -> Reply {
        try changeSet(request) { former in
            _ = try owned("set", former, by: request)
            return nil
        }
    }

    private func changeSet(
        _ request: Request, _ make: (SongSet?) throws -> SongSet?
    ) throws -> Reply {
        let set = try sets.change(request.parameters["id"] ?? "", make)
        return set.map { .json($0.json(for: request.user)) } ?? Reply(204)
    }
}
