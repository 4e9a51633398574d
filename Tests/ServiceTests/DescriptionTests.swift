import Demucs
import Foundation
import Service
import TestSupport
import Testing

/// The OpenAPI description against the service.
@Suite(.serialized)
struct DescriptionTests {
    private func description(_ service: RunningService) throws -> [String: Any] {
        try service.get("/openapi.json").object
    }

    @Test func everyAddressAnswersAsDescribed() throws {
        let web = TemporaryFolder()
        _ = try web.write("<!doctype html>", "index.html")
        _ = try web.write("<!doctype html>", "explain/index.html")
        let service = try RunningService { $0.webFolder = web.url.path }
        let document = try description(service)
        let checker = SchemaChecker(document: document)
        let paths = try #require(document["paths"] as? [String: [String: [String: Any]]])
        #expect(document["servers"] as? [[String: String]] == [["url": "./"]])
        let id = try service.doneJob(Sound.tone(seconds: 0.5), query: "shifts=1&seed=3")
        let operations = paths.flatMap { path, methods in
            methods.map { (path: path, method: $0, operation: $1) }
        }
        // DELETE comes last, and that of all jobs after that of one.
        for (path, method, operation) in operations.sorted(by: {
            ($0.method, $0.path) > ($1.method, $1.path)
        }) {
            let files = [
                "/{file}": "style.css", "/demo_stems/{file}": "bass.ogg",
                "/web/{file}": "index.html",
                "/web/{folder}/{file}": "index.html", "/explain/{file}": "",
                "/{folder}/{file}": "mix.js",
            ]
            let file = files[path] ?? "bass.wav"
            let target = path.replacing("{id}", with: id).replacing("{file}", with: file)
                .replacing("{folder}", with: path.hasPrefix("/web") ? "explain" : "sound")
            let responses = try #require(operation["responses"] as? [String: [String: Any]])
            let described = responses.mapValues { checker.resolved($0) }
            // A stream of events has no end: EventTests read them.
            let good = described["200"]?["content"] as? [String: Any]
            if good?["text/event-stream"] != nil { continue }
            let body = operation["requestBody"] == nil ? nil : Sound.tone(seconds: 0.5)
            let answer = try service.request(method.uppercased(), target, body: body)
            if path.hasPrefix("/explain") {
                #expect(answer.status == 307)
                continue
            }
            // The job does not wait any more.
            if path.hasSuffix("/place") {
                #expect(answer.status == 409)
                continue
            }
            // This service may not use ffmpeg.
            if path.hasSuffix(".mp4") {
                #expect(answer.status == 404 && answer.detail.contains("ffmpeg"))
                continue
            }
            #expect((200..<300).contains(answer.status), "\(method) \(target): \(answer.text)")
            let response = try #require(described["\(answer.status)"], "\(method) \(target)")
            let types = response["content"] as? [String: Any] ?? [:]
            let type = answer.headers["content-type"]?.prefix { $0 != ";" }
            #expect(
                type.map { types["*/*"] != nil || types[String($0)] != nil } ?? types.isEmpty,
                "\(method) \(target): \(type ?? "no type")")
            for name in (response["headers"] as? [String: Any] ?? [:]).keys {
                #expect(answer.headers[name.lowercased()] != nil, "\(method) \(target): \(name)")
            }
            if let json = types["application/json"] as? [String: Any], target != "/openapi.json" {
                let problems = try checker.problems(answer, json["schema"] as? [String: Any] ?? [:])
                #expect(problems.isEmpty, "\(method) \(target): \(problems)")
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
        let document = try description(RunningService())
        let checker = SchemaChecker(document: document)
        func check(_ value: Any) {
            if let object = value as? [String: Any] {
                if let reference = object["$ref"] {
                    #expect(!checker.resolved(object).isEmpty, "there is no \(reference)")
                }
                object.values.forEach(check)
            }
            (value as? [Any])?.forEach(check)
        }
        check(document)
        let paths = try #require(document["paths"] as? [String: [String: [String: Any]]])
        for (path, methods) in paths {
            for (method, operation) in methods {
                let parameters = operation["parameters"] as? [[String: Any]] ?? []
                let named = parameters.map { checker.resolved($0) }
                    .filter { $0["in"] as? String == "path" }.compactMap { $0["name"] as? String }
                let variables = path.matches(of: /{([a-z]+)}/).map { String($0.output.1) }
                #expect(Set(named) == Set(variables), "\(method) \(path)")
            }
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
        let options = SchemaChecker(document: try description(service)).resolved([
            "$ref": "#/components/schemas/Options"
        ])
        let fields = try #require(options["properties"] as? [String: [String: Any]])
        // The table's, and the model by its two names.
        #expect(fields.count == SeparationRequest.fields.count + 2)
        let sound = Sound.tone(seconds: 0.1)
        for (name, schema) in fields {
            for text in invalidTexts(schema) {
                let answer = try service.upload(sound, query: "\(name)=\(text)")
                #expect(answer.status == 422, "\(name)=\(text)")
                #expect(answer.detail.contains("'\(name)'"), "\(answer.detail)")
            }
            let words = schema["enum"] as? [String] ?? []
            // The other precisions need the model again.
            for value in words where name != "precision" || value == "float32" {
                // Only floats keep samples beyond full scale.
                let more = value == "off" ? "&float32=true" : ""
                let answer = try service.upload(sound, query: "\(name)=\(value)\(more)")
                #expect(answer.status == 202, "\(name)=\(value): \(answer.detail)")
            }
            if let value = schema["default"] {
                let answer = try service.upload(sound, query: "\(name)=\(value)")
                #expect(answer.status == 202, "\(name)=\(value): \(answer.detail)")
                let shown = try #require(answer.object["options"] as? [String: Any])[name]
                #expect(shown.map { "\($0)" == "\(value)" } ?? true, "\(name)")
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
            #expect(job.status == 202, "\(query): \(job.detail)")
            let options = try #require(job.object["options"] as? [String: Any])
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
            #expect(again.status == 202, "\(query): \(again.detail)")
            let equal = try #require(again.object["options"] as? [String: Any])
            #expect(
                NSDictionary(dictionary: equal) == NSDictionary(dictionary: options), "\(query)")
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
            #expect(try service.get("/\(name)", ["If-None-Match: \(tag)"]).status == 304)
        }
    }
}

/// Checks JSON against the subset of JSON Schema in the description.
private struct SchemaChecker {
    let document: [String: Any]

    /// The object that a reference names; empty if that is missing.
    func resolved(_ value: [String: Any]) -> [String: Any] {
        guard let reference = value["$ref"] as? String else { return value }
        let found = reference.dropFirst(2).split(separator: "/").reduce(document as Any) {
            ($0 as? [String: Any])?[String($1)] ?? [:]
        }
        return found as? [String: Any] ?? [:]
    }

    func problems(_ answer: Answer, _ schema: [String: Any]) throws -> [String] {
        problems(try JSONSerialization.jsonObject(with: answer.body), schema)
    }

    private func problems(_ value: Any, _ schema: [String: Any], at path: String = "$") -> [String]
    {
        let schema = resolved(schema)
        if let choices = schema["oneOf"] as? [[String: Any]] {
            let fitting = choices.count { problems(value, $0, at: path).isEmpty }
            return fitting == 1 ? [] : ["\(path): fits \(fitting) of oneOf"]
        }
        var found: [String] = []
        let types = schema["type"] as? [String] ?? (schema["type"] as? String).map { [$0] } ?? []
        if !types.isEmpty, !types.contains(where: { isA(value, $0) }) {
            return ["\(path): \(value) is not \(types)"]
        }
        if let choices = schema["enum"] as? [String], let text = value as? String,
            !choices.contains(text)
        {
            found.append("\(path): \(text) is not one of \(choices)")
        }
        if let pattern = schema["pattern"] as? String, let text = value as? String,
            text.range(of: pattern, options: .regularExpression) == nil
        {
            found.append("\(path): \(text) is not \(pattern)")
        }
        if let object = value as? [String: Any] {
            let known = schema["properties"] as? [String: [String: Any]] ?? [:]
            for name in schema["required"] as? [String] ?? [] where object[name] == nil {
                found.append("\(path): no \(name)")
            }
            for (name, member) in object {
                if let schema = known[name] {
                    found += problems(member, schema, at: "\(path).\(name)")
                } else if schema["additionalProperties"] as? Bool == false {
                    found.append("\(path): \(name) is not described")
                }
            }
        }
        if let list = value as? [Any], let items = schema["items"] as? [String: Any] {
            for (index, item) in list.enumerated() {
                found += problems(item, items, at: "\(path)[\(index)]")
            }
        }
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
