import Foundation
import TestSupport
import Testing

/// The page that separates in the browser, as the service hands it out.
struct WebFolderTests {
    @Test func itsFilesAndTheServicesOwnHaveTheirPolicies() throws {
        let folder = TemporaryFolder()
        try folder.write("<!doctype html><title>web</title>", "index.html")
        try folder.write(Data([0, 97, 115, 109, 1, 0, 0, 0]), "engine/engine.wasm")
        try folder.write("<!doctype html><title>explainer</title>", "explain/index.html")
        try folder.write("export {};", "explain/main.js")
        try folder.write("export {};", "page/mixer/mixer.js")
        let service = try RunningService { $0.webFolder = folder.url.path }
        for (target, type, words) in [
            ("/web/", "text/html", "<title>web</title>"),
            ("/web/engine/engine.wasm", "application/wasm", "asm"),
            ("/web/explain/", "text/html", "<title>explainer</title>"),
            ("/web/explain/main.js", "text/javascript", "export"),
            ("/web/page/mixer/mixer.js", "text/javascript", "export"),
        ] {
            let answer = try service.get(target)
            #expect(answer.status == 200 && answer.text.contains(words), "\(target)")
            #expect(answer.headers["content-type"] == type)
            #expect(answer.headers["cross-origin-opener-policy"] == "same-origin")
            #expect(answer.headers["cross-origin-embedder-policy"] == "require-corp")
            #expect(answer.headers["cross-origin-resource-policy"] == "same-origin")
            #expect(answer.headers["content-security-policy"] == "frame-ancestors 'none'")
        }
        #expect(try service.get("/web/engine/engine.wasm").body.count == 8)
        for (target, place) in [("/explain/", "../web/explain/"), ("/explain", "web/explain/")] {
            let answer = try service.get(target)
            #expect(answer.status == 307)
            #expect(answer.headers["location"] == place)
        }
        for target in [
            "/web/nothing.js", "/web/explain/none.js", "/web/page/mixer", "/explain/main.js",
        ] {
            #expect(try service.status(target) == 404, "\(target)")
        }
        let own = try service.get("/")
        let policy = try #require(own.headers["content-security-policy"])
        #expect(policy.contains("script-src 'self';") && !policy.contains("unsafe"))
        #expect(own.headers["x-frame-options"] == "DENY")
        #expect(own.headers["cross-origin-embedder-policy"] == nil)
        #expect(try service.get("/v1/models")["has_web"] == true)
    }

    /// Links into the folder itself, pipes, and names that are one text.
    @Test func onlyRegularFilesAreRead() throws {
        let folder = TemporaryFolder()
        try folder.write("<!doctype html><title>web</title>", "index.html")
        for name in ["\u{E9}.js", "e\u{301}.js", "page/main.js"] {
            try folder.write("export {};", name)
        }
        for link in ["one", "two", "page/three"] { symlink(folder.url.path, folder.path(link)) }
        symlink("/dev/zero", folder.path("zero.js"))
        mkfifo(folder.path("pipe.js"), 0o600)
        let service = try RunningService { $0.webFolder = folder.url.path }
        for (name, status) in [
            ("%C3%A9.js", 200), ("page/main.js", 200), ("one/index.html", 404), ("zero.js", 404),
            ("pipe.js", 404),
        ] {
            #expect(try service.status("/web/\(name)") == status, "\(name)")
        }
    }

    @Test func withoutAFolderThereIsNoSuchPage() throws {
        let service = try RunningService()
        #expect(try service.status("/web/") == 404)
        #expect(try service.get("/v1/models")["has_web"] == false)
        try service.get("/explain/").expectProblem(404, "not-found", "--web")
        let empty = TemporaryFolder()
        expectNoStart("there is no index.html") {
            try RunningService { $0.webFolder = empty.url.path }
        }
    }
}
