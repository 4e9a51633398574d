import Demucs
import Foundation
import Service
import System
import TestSupport
import Testing

/// The OpenAPI description against the service.
@Suite(.serialized)
struct DescriptionTests {
    @Test func everyAddressAnswersAsDescribed() throws {
        let web = TemporaryFolder()
        try web.write("<!doctype html>", "index.html")
        try web.write("<!doctype html>", "explain/index.html")
        let service = try RunningService { $0.webFolder = web.url.path }
        let description = Description(document: try service.get("/openapi.json").object)
        #expect(description.document["servers"] as? [[String: String]] == [["url": "./"]])
        let id = try service.doneJob(Sound.tone(seconds: 0.5), query: "shifts=1&seed=3")
        try service.keepSet(id, "Rehearsal", [])
        let values = [
            "/{file}": "style.css", "/demo_stems/{file}": "bass.ogg", "/{folder}/{file}": "mix.js",
            "/explain/{file}": "",
        ]
        // DELETE comes last, and that of all jobs after that of one.
        for (path, method, operation) in description.operations.sorted(by: {
            ($0.method, $0.path) > ($1.method, $1.path)
        }) {
            let target = path.replacing("{id}", with: id)
                .replacing("{file}", with: values[path] ?? "bass.wav")
                .replacing("{folder}", with: "sound")
                .replacing("{path}", with: "explain/index.html")
            let name = "\(method) \(target)"
            let responses = operation["responses"] as? [String: [String: Any]] ?? [:]
            let described = responses.mapValues(description.resolved)
            // A stream of events has no end: EventTests read them.
            let good = described["200"]?["content"] as? [String: Any]
            if good?["text/event-stream"] != nil { continue }
            let body: Data? =
                switch (operation["requestBody"] == nil, path) {
                case (true, _): nil
                case (_, "/v1/sets/{id}"): Data(#"{"name": "A", "songs": []}"#.utf8)
                case (_, "/v1/separations/{id}"): Data(#"{"notes": {"loop": null}}"#.utf8)
                default: Sound.tone(seconds: 0.5)
                }
            let method = method.uppercased()
            // Also where the stream or the place has the reply that is expected.
            if described["422"] != nil {
                let odd = try service.request(method, "\(target)?nonsense=1", body: body)
                odd.expectProblem(422, "invalid-option", "nonsense")
            }
            let query = method == "DELETE" && path == "/v1/separations" ? "?all=true" : ""
            let answer = try service.request(method, target + query, body: body)
            // The explainer is elsewhere; the job does not wait any more.
            if let status = path.hasPrefix("/explain") ? 307 : path.hasSuffix("/place") ? 409 : nil
            {
                #expect(answer.status == status, "\(name)")
                continue
            }
            // This service may not use ffmpeg.
            if path.hasSuffix(".mp4") {
                answer.expectProblem(404, "not-found", "ffmpeg")
                continue
            }
            #expect((200..<300).contains(answer.status), "\(name): \(answer.text)")
            let response = try #require(described["\(answer.status)"], "\(name)")
            let types = response["content"] as? [String: Any] ?? [:]
            let type = answer.headers["content-type"]?.prefix { $0 != ";" }
            let isDescribed = type.map { types["*/*"] != nil || types[String($0)] != nil }
            #expect(isDescribed ?? types.isEmpty, "\(name): \(type ?? "no type")")
            for header in (response["headers"] as? [String: Any] ?? [:]).keys {
                #expect(answer.headers[header.lowercased()] != nil, "\(name): \(header)")
            }
            if let json = types["application/json"] as? [String: Any], target != "/openapi.json" {
                let schema = json["schema"] as? [String: Any] ?? [:]
                #expect(try description.violation(of: answer, schema) == nil, "\(name)")
            }
        }
        let schema = ["$ref": "#/components/schemas/Problem"]
        for answer in [try service.upload(Data("nothing".utf8)), try service.get("/nowhere")] {
            #expect(try description.violation(of: answer, schema) == nil)
        }
        // A reply of another form does not fit.
        #expect(try description.violation(of: service.get("/v1/models"), schema) != nil)
    }

    @Test func theDocumentIsComplete() throws {
        let description = Description(document: try RunningService().get("/openapi.json").object)
        func check(_ value: Any) {
            if let object = value as? [String: Any] {
                #expect(!description.resolved(object).isEmpty || object.isEmpty, "\(object)")
                object.values.forEach(check)
            }
            (value as? [Any])?.forEach(check)
        }
        check(description.document)
        for (path, method, operation) in description.operations {
            let parameters = (operation["parameters"] as? [[String: Any]] ?? [])
                .map(description.resolved).filter { $0["in"] as? String == "path" }
            let named = parameters.compactMap { $0["name"] as? String }
            let variables = path.matches(of: /{([a-z]+)}/).map { String($0.output.1) }
            #expect(Set(named) == Set(variables), "\(method) \(path)")
        }
    }

    /// Texts for a field that its schema excludes.
    private func invalidTexts(_ schema: [String: Any]) -> [String] {
        var texts: [String] = []
        if let least = schema["minimum"] as? Int { texts.append("\(least - 1)") }
        if let most = schema["maximum"] as? Int { texts.append("\(most + 1)") }
        if let limit = schema["exclusiveMinimum"] ?? schema["exclusiveMaximum"] {
            texts.append("\(limit)")
        }
        let types = schema["type"] as? [String] ?? [schema["type"] as? String ?? ""]
        if types.contains("integer") { texts.append("1.5") }
        if schema["enum"] != nil || types.contains("boolean") || types.contains("number") {
            texts.append("something")
        }
        return texts
    }

    @Test func fieldsHaveTheLimitsOfTheDescription() throws {
        let service = try RunningService { $0.jobs = 0 }.whenReady()
        let document = try service.get("/openapi.json")
        let fields: [String: [String: Any]] = try #require(
            document["components.schemas.Options.properties"])
        // The table's, and the model by its two names.
        #expect(fields.count == SeparationRequest.fields.count + 2)
        for (name, schema) in fields {
            for text in invalidTexts(schema) {
                let answer = try service.upload(query: "\(name)=\(text)")
                answer.expectProblem(422, "invalid-option", "'\(name)'")
            }
            let words = schema["enum"] as? [String] ?? []
            // The other precisions need the model again.
            for value in words where name != "precision" || value == "float32" {
                // Only floats keep samples beyond full scale.
                let more = value == "off" ? "&float32=true" : ""
                let answer = try service.upload(query: "\(name)=\(value)\(more)")
                #expect(answer.status == 202, "\(name)=\(value): \(answer.detail)")
            }
            if let value = schema["default"] {
                let answer = try service.upload(query: "\(name)=\(value)")
                #expect(answer.status == 202, "\(name)=\(value): \(answer.detail)")
                let options: [String: Any] = try #require(answer["options"])
                #expect(options[name].map { "\($0)" == "\(value)" } ?? true, "\(name)")
            }
        }
    }

    @Test func aJobsOptionsMakeAnEqualJob() throws {
        let service = try RunningService { $0.jobs = 0 }.whenReady()
        let sound = Sound.tone(seconds: 0.1)
        for query in [
            "", "stems=bass,drums&mix=low=bass%2Bdrums&residual=1&seed=18446744073709551615",
            "two-stems=bass&other-method=minus&shifts=3&overlap=0.5&segment=4&start=0.01",
            "no-split=true&duration=0:00.05&format=mp3&mp3-bitrate=128&mp3-preset=7&gain=stem",
            "flac=1&int24=1&clip-mode=clamp&output-rate=input&downmix=average&precision=float32",
        ] {
            let job = try service.upload(sound, query: query)
            let options: [String: Any] = try #require(job["options"], "\(job.text)")
            let fields = options.flatMap { name, value -> [(String, String)] in
                switch value {
                case is NSNull: []
                case let stems as [String] where name == "stems":
                    [(name, stems.joined(separator: ","))]
                case let values as [String]: values.map { (name, $0) }
                default: [(name, "\(value)")]
                }
            }
            let again = try service.upload(form: Form.body(fields, file: sound))
            let equal: NSDictionary = try #require(again["options"], "\(query): \(again.text)")
            #expect(equal == NSDictionary(dictionary: options), "\(query)")
        }
    }

    @Test func thePageHasAllItsFiles() throws {
        let folder = Fixture.url("../../web/page").standardized.path
        let names = try FileManager.default.subpathsOfDirectory(atPath: folder)
            .filter { $0.contains(".") && !$0.hasSuffix(".ts") }
        #expect(Set(names) == Set(Service.pageFiles), "run tools/page_list")
        let service = try RunningService()
        for name in names {
            let answer = try service.get("/\(name)")
            #expect(answer.status == 200)
            #expect(answer.body == FileManager.default.contents(atPath: "\(folder)/\(name)"))
            let tag = try #require(answer.headers["etag"])
            for known in [tag, "W/\(tag)", "\"other\", \(tag)", "*"] {
                #expect(try service.status("/\(name)", "If-None-Match: \(known)") == 304)
            }
        }
    }
}

/// The service's description of itself.
private struct Description {
    let document: [String: Any]

    var operations: [(path: String, method: String, operation: [String: Any])] {
        let paths = document["paths"] as? [String: [String: [String: Any]]] ?? [:]
        return paths.flatMap { path, methods in
            methods.map { (path: path, method: $0, operation: $1) }
        }
    }

    /// The object that a reference names; empty if that is missing.
    func resolved(_ value: [String: Any]) -> [String: Any] {
        guard let reference = value["$ref"] as? String else { return value }
        let found = reference.dropFirst(2).split(separator: "/").reduce(document as Any) {
            ($0 as? [String: Any])?[String($1)] ?? [:]
        }
        return found as? [String: Any] ?? [:]
    }

    /// How a reply doesn't fit a schema; nil if it fits.
    func violation(of answer: Answer, _ schema: [String: Any]) throws -> SchemaViolation? {
        let document = try JSON.parsed(JSONSerialization.data(withJSONObject: document))
        let schema = try JSON.parsed(JSONSerialization.data(withJSONObject: schema))
        return JSONSchema(schema).violation(of: try .parsed(answer.body)) { reference in
            reference.dropFirst(2).split(separator: "/").reduce(document) {
                if case .object(let fields) = $0 { fields[String($1)] ?? [:] } else { [:] }
            }
        }
    }
}

extension JSON {
    fileprivate static func parsed(_ text: Data) throws -> JSON {
        var cursor = JSONCursor(Array(text))
        return try cursor.value()
    }
}

/// The checker of bodies, keyword by keyword: each schema with values that fit and values that don't.
struct SchemaTests {
    @Test(arguments: [
        (#"{"type": "integer"}"#, ["1", "-3"], ["1.5", "\"1\"", "true", "null"]),
        (#"{"type": ["number", "null"]}"#, ["1", "1.5", "null"], ["\"1\"", "[]"]),
        (
            #"{"type": "number", "minimum": 0, "maximum": 1}"#, ["0", "1", "0.5"],
            ["-1e-9", "1.01"]
        ),
        (#"{"type": "boolean"}"#, ["true"], ["1", "\"true\""]),
        (
            #"{"type": "string", "minLength": 1, "maxLength": 2}"#, ["\"ä\"", "\"ab\""],
            ["\"\"", "\"abc\""]
        ),
        (#"{"type": "string", "pattern": "^a+$"}"#, ["\"aa\""], ["\"ab\"", "\"\""]),
        (#"{"enum": ["a", "b"]}"#, ["\"a\""], ["\"c\""]),
        (
            #"{"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "integer"}}"#,
            ["[1]", "[1, 2]"], ["[]", "[1, 2, 3]", "[1, \"2\"]"]
        ),
        (
            #"{"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}"#,
            [#"{"a": 1, "b": 2}"#], ["{}", #"{"a": "1"}"#]
        ),
        (
            #"{"type": "object", "additionalProperties": false, "minProperties": 1, "properties": {"a": {}}}"#,
            [#"{"a": [1]}"#], ["{}", #"{"b": 1}"#, #"{"a": 1, "b": 1}"#]
        ),
        (
            #"{"oneOf": [{"type": "integer"}, {"type": "number"}, {"type": "string"}]}"#,
            ["1.5", "\"a\""], ["1", "null"]
        ),
        (#"{"$ref": "whole"}"#, ["1"], ["1.5"]),
    ])
    func keywords(schema: String, fitting: [String], others: [String]) throws {
        let schema = JSONSchema(try .parsed(Data(schema.utf8)))
        for text in fitting + others {
            let value = try JSON.parsed(Data(text.utf8))
            let violation = schema.violation(of: value) { _ in ["type": "integer"] }
            #expect((violation == nil) == fitting.contains(text), "\(text)")
        }
    }
}
