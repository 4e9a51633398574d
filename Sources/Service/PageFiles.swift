// The files of the page, which are embedded in the program.

/// A file of the page.
struct PageFile: Sendable {
    let name: String
    let type: String
    let bytes: [UInt8]

    /// All files; a test compares the names with those in the folder `Page`.
    static let all = [
        PageFile(name: "index.html", type: "text/html", bytes: PackageResources.index_html),
        PageFile(name: "api.js", type: "text/javascript", bytes: PackageResources.api_js),
        PageFile(name: "colours.js", type: "text/javascript", bytes: PackageResources.colours_js),
        PageFile(name: "dom.js", type: "text/javascript", bytes: PackageResources.dom_js),
        PageFile(
            name: "downloads.js", type: "text/javascript", bytes: PackageResources.downloads_js),
        PageFile(name: "drop.js", type: "text/javascript", bytes: PackageResources.drop_js),
        PageFile(name: "engine.js", type: "text/javascript", bytes: PackageResources.engine_js),
        PageFile(name: "feed.js", type: "text/javascript", bytes: PackageResources.feed_js),
        PageFile(name: "format.js", type: "text/javascript", bytes: PackageResources.format_js),
        PageFile(name: "icons.svg", type: "image/svg+xml", bytes: PackageResources.icons_svg),
        PageFile(name: "jobs.js", type: "text/javascript", bytes: PackageResources.jobs_js),
        PageFile(name: "keys.js", type: "text/javascript", bytes: PackageResources.keys_js),
        PageFile(name: "lane.js", type: "text/javascript", bytes: PackageResources.lane_js),
        PageFile(name: "link.js", type: "text/javascript", bytes: PackageResources.link_js),
        PageFile(name: "logo.svg", type: "image/svg+xml", bytes: PackageResources.logo_svg),
        PageFile(name: "main.js", type: "text/javascript", bytes: PackageResources.main_js),
        PageFile(name: "mix.js", type: "text/javascript", bytes: PackageResources.mix_js),
        PageFile(name: "mixer.js", type: "text/javascript", bytes: PackageResources.mixer_js),
        PageFile(name: "options.js", type: "text/javascript", bytes: PackageResources.options_js),
        PageFile(name: "parts.svg", type: "image/svg+xml", bytes: PackageResources.parts_svg),
        PageFile(name: "peaks.js", type: "text/javascript", bytes: PackageResources.peaks_js),
        PageFile(name: "pieces.js", type: "text/javascript", bytes: PackageResources.pieces_js),
        PageFile(name: "pointer.js", type: "text/javascript", bytes: PackageResources.pointer_js),
        PageFile(name: "queue.js", type: "text/javascript", bytes: PackageResources.queue_js),
        PageFile(name: "ruler.js", type: "text/javascript", bytes: PackageResources.ruler_js),
        PageFile(name: "service.js", type: "text/javascript", bytes: PackageResources.service_js),
        PageFile(
            name: "spectrograms.js", type: "text/javascript",
            bytes: PackageResources.spectrograms_js),
        PageFile(name: "spectrum.js", type: "text/javascript", bytes: PackageResources.spectrum_js),
        PageFile(name: "stage.js", type: "text/javascript", bytes: PackageResources.stage_js),
        PageFile(name: "style.css", type: "text/css", bytes: PackageResources.style_css),
        PageFile(name: "theme.js", type: "text/javascript", bytes: PackageResources.theme_js),
        PageFile(name: "timeline.js", type: "text/javascript", bytes: PackageResources.timeline_js),
        PageFile(name: "token.js", type: "text/javascript", bytes: PackageResources.token_js),
        PageFile(name: "uploads.js", type: "text/javascript", bytes: PackageResources.uploads_js),
        PageFile(name: "wav.js", type: "text/javascript", bytes: PackageResources.wav_js),
        PageFile(name: "words.js", type: "text/javascript", bytes: PackageResources.words_js),
    ]

    static let description = PackageResources.openapi_json
}
