using System.Text.RegularExpressions;

namespace AgentBudget.Architecture.Tests;

/// <summary>Documents speak of what is there, and what is there is spoken of.</summary>
public sealed partial class DocumentTests
{
    public static TheoryData<string> Documents => [.. Repository.FilesEnding(".md")];

    [Theory]
    [MemberData(nameof(Documents))]
    public void A_path_that_a_document_names_exists(string document)
    {
        string text = Repository.Read(document);
        string folder = Path.GetDirectoryName(document)!;
        IEnumerable<string> linked = PathsIn(text, Link()).Select(path => Path.Combine(folder, path));
        IEnumerable<string> named = PathsIn(text, NamedPath());
        Findings.AreNone(linked.Concat(named).Where(path => !Exists(path)));
    }

    [Fact]
    public void Every_silo_config_is_in_a_document()
    {
        string documents = string.Concat(Repository.FilesEnding(".md").Select(Repository.Read));
        string[] configs =
            [.. Repository.FilesEnding("").Where(file => file.StartsWith("silo-config/", StringComparison.Ordinal))];
        Assert.NotEmpty(configs);
        Findings.AreNone(configs.Where(file => !documents.Contains(file, StringComparison.Ordinal)));
    }

    [Fact]
    public void Internals_end_with_where_in_the_code() =>
        Assert.All(
            Repository.FilesEnding(".md").Where(file => file.StartsWith("docs/internals/", StringComparison.Ordinal)),
            file => Assert.EndsWith("# Where in the code", Heading().Matches(Repository.Read(file))[^1].Value));

    [Fact]
    public void The_checks_see_what_they_look_for()
    {
        Assert.Equal("a/b.md", Link().Match("see [this](a/b.md#c)").Groups["path"].Value);
        Assert.Equal("src/Gone/File.cs", NamedPath().Match("in `src/Gone/File.cs`, then").Groups["path"].Value);
        Assert.False(Exists("src/Gone/File.cs"));
        Assert.True(Exists("src"));
    }

    private static IEnumerable<string> PathsIn(string text, Regex pattern) =>
        pattern.Matches(text).Select(match => match.Groups["path"].Value);

    private static bool Exists(string path) => Path.Exists(Repository.PathOf(path));

    [GeneratedRegex(@"\]\((?<path>(?!https?:|mailto:)[^)#\s]+)(#[^)]*)?\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"`(?<path>(src|tests|docs|eng|protos|silo-config|bench|dashboard|\.ci)/[^`*\s…<]*)[`\s]")]
    private static partial Regex NamedPath();

    [GeneratedRegex(@"^#+ .+$", RegexOptions.Multiline)]
    private static partial Regex Heading();
}
