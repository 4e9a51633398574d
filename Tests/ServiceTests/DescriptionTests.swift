import Demucs
import Foundation
import Service
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
        let checker = SchemaChecker(document: try service.get("/openapi.json").object)
        #expect(checker.document["servers"] as? [[String: String]] == [["url": "./"]])
        let id = try service.doneJob(Sound.tone(seconds: 0.5), query: "shifts=1&seed=3")
        let values = [
            "/{file}": "style.css", "/demo_stems/{file}": "bass.ogg", "/web/{file}": "index.html",
            "/web/{folder}/{file}": "index.html", "/{folder}/{file}": "mix.js",
            "/explain/{file}": "",
        ]
        // DELETE comes last, and that of all jobs after that of one.
        for (path, method, operation) in checker.operations.sorted(by: {
            ($0.method, $0.path) > ($1.method, $1.path)
        }) {
            let target = path.replacing("{id}", with: id)
                .replacing("{file}", with: values[path] ?? "bass.wav")
                .replacing("{folder}", with: path.hasPrefix("/web") ? "explain" : "sound")
            let name = "\(method) \(target)"
            let responses = operation["responses"] as? [String: [String: Any]] ?? [:]
            let described = responses.mapValues(checker.resolved)
            // A stream of events has no end: EventTests read them.
            let good = described["200"]?["content"] as? [String: Any]
            if good?["text/event-stream"] != nil { continue }
            let body = operation["requestBody"] == nil ? nil : Sound.tone(seconds: 0.5)
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
                #expect(try checker.problems(answer, schema) == [], "\(name)")
            }
        }
        let schema = ["$ref": "#/components/schemas/Problem"]
        for answer in [try service.upload(Data("nothing".utf8)), try service.get("/nowhere")] {
            #expect(try checker.problems(answer, schema) == [])
        }
        // Proves that the checker does find problems.
        #expect(try !checker.problems(service.get("/v1/models"), schema).isEmpty)
    }

    @Test func theDocumentIsComplete() throws {
        let checker = SchemaChecker(document: try RunningService().get("/openapi.json").object)
        func check(_ value: Any) {
            if let object = value as? [String: Any] {
                #expect(!checker.resolved(object).isEmpty || object.isEmpty, "\(object)")
                object.values.forEach(check)
            }
            (value as? [Any])?.forEach(check)
        }
        check(checker.document)
        for (path, method, operation) in checker.operations {
            let parameters = (operation["parameters"] as? [[String: Any]] ?? [])
                .map(checker.resolved).filter { $0["in"] as? String == "path" }
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
            .filter { $0.contains(".") }
        #expect(Set(names) == Set(Service.pageFiles), "run tools/page_list")
        let service = try RunningService()
        for name in names {
            let answer = try service.get("/\(name)")
            #expect(answer.status == 200)
            #expect(answer.body == FileManager.default.contents(atPath: "\(folder)/\(name)"))
            let tag = try #require(answer.headers["etag"])
            #expect(try service.status("/\(name)", "If-None-Match: \(tag)") == 304)
        }
    }
}

/// Checks JSON against the subset of JSON Schema in the description.
private struct SchemaChecker {
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

    func problems(_ answer: Answer, _ schema: [String: Any]) throws -> [String] {
        problems(try JSONSerialization.jsonObject(with: answer.body), schema, at: "$")
    }

    private func problems(_ value: Any, _ schema: [String: Any], at path: String) -> [String] {
        let schema = resolved(schema)
        if let choices = schema["oneOf"] as? [[String: Any]] {
            let fitting = choices.count { problems(value, $0, at: path).isEmpty }
            return fitting == 1 ? [] : ["\(path): fits \(fitting) of oneOf"]
        }
        var found: [String] = []
        func check(_ isRight: Bool, _ problem: String) {
            if !isRight { found.append("\(path): \(value) \(problem)") }
        }
        let types = schema["type"] as? [String] ?? (schema["type"] as? String).map { [$0] } ?? []
        check(types.isEmpty || types.contains { isA(value, $0) }, "is not \(types)")
        if let text = value as? String {
            let choices = schema["enum"] as? [String]
            check(choices?.contains(text) ?? true, "is not one of \(choices ?? [])")
            let pattern = schema["pattern"] as? String ?? ""
            let range = text.range(of: pattern, options: .regularExpression)
            check(pattern.isEmpty || range != nil, "is not \(pattern)")
        }
        if let object = value as? [String: Any] {
            let known = schema["properties"] as? [String: [String: Any]] ?? [:]
            for name in schema["required"] as? [String] ?? [] {
                check(object[name] != nil, "has no \(name)")
            }
            for (name, member) in object {
                let isClosed = schema["additionalProperties"] as? Bool == false
                check(known[name] != nil || !isClosed, "has \(name), which is not described")
                found += problems(member, known[name] ?? [:], at: "\(path).\(name)")
            }
        }
        let items = schema["items"] as? [String: Any] ?? [:]
        for item in value as? [Any] ?? [] { found += problems(item, items, at: "\(path)[]") }
        return found
    }

    private func isA(_ value: Any, _ type: String) -> Bool {
        let isBool = (value as? NSNumber).map { "\($0.objCType.pointee)" == "99" } ?? false
        return switch type {
        case "null": value is NSNull
        case "object": value is [String: Any]
        case "array": value is [Any]
        case "string": value is String
        case "boolean": value is Bool
        case "integer": !isBool && value is Int
        case "number": !isBool && (value is Double || value is Int)
        default: false
        }
    }
}
