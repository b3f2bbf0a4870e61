using System.Text.RegularExpressions;

namespace AgentBudget.Architecture.Tests;

/// <summary>Source files are short and finished.</summary>
public sealed partial class SourceTests
{
    private const int FileLinesMax = 500;   // What a reader holds in mind; parts of a type have files of their own.
    private const int LineColumnsMax = 120; // Two files side by side on a laptop.
    private const string TableRow = "[InlineData("; // A row of a table stays one line, so that the columns compare.

    [Fact]
    public void A_source_file_has_at_most_500_lines() =>
        Findings.AreNone(Repository.FilesEnding(".cs", ".proto", ".sh", ".mjs", ".py")
            .Select(file => (file, lines: File.ReadLines(Repository.PathOf(file)).Count()))
            .Where(found => found.lines > FileLinesMax));

    [Fact]
    public void A_source_line_has_at_most_120_columns() =>
        Findings.AreNone(Lines(".cs", ".proto")
            .Where(found => found.Text.Length > LineColumnsMax)
            .Where(found => !found.Text.TrimStart().StartsWith(TableRow, StringComparison.Ordinal)));

    [Fact]
    public void No_source_is_unfinished() =>
        Findings.AreNone(Lines(".cs", ".proto", ".sh", ".mjs", ".py", ".yaml", ".csproj")
            .Where(found => Unfinished().IsMatch(found.Text)));

    [Fact]
    public void A_silenced_warning_says_why() =>
        Findings.AreNone(Lines(".cs").Where(found => SilencedWithoutReason().IsMatch(found.Text)));

    [Fact]
    public void A_namespace_is_its_projects_or_its_folders() =>
        Findings.AreNone(Lines(".cs")
            .Where(found => found.Text.StartsWith("namespace ", StringComparison.Ordinal))
            .Where(found => !NamespacesOf(found.File).Contains(found.Text)));

    [Fact]
    public void The_checks_see_what_they_look_for()
    {
        Assert.Matches(Unfinished(), "// TO" + "DO later");
        Assert.Matches(SilencedWithoutReason(), "#pragma " + "warning disable CA1000");
        Assert.DoesNotMatch(SilencedWithoutReason(), "#pragma " + "warning disable CA1000 // A reason.");
    }

    // Of src/AgentBudget.Api/Edge/Body.cs: AgentBudget.Api and AgentBudget.Api.Edge.
    private static IEnumerable<string> NamespacesOf(string file)
    {
        string[] parts = file.Split('/');
        string whole = string.Join('.', parts[1..^1]);
        return [$"namespace {parts[1]};", $"namespace {whole};"];
    }

    private static IEnumerable<(string File, int Number, string Text)> Lines(params string[] endings) =>
        Repository.FilesEnding(endings).SelectMany(file =>
            File.ReadLines(Repository.PathOf(file)).Select((text, index) => (file, index + 1, text)));

    [GeneratedRegex(@"\b(TO" + @"DO|FIX" + @"ME|HA" + @"CK|XX" + @"X)\b|NotImplemented" + "Exception")]
    private static partial Regex Unfinished();

    [GeneratedRegex(@"#pragma " + @"warning disable [^/]*$")]
    private static partial Regex SilencedWithoutReason();
}
