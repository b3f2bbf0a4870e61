using System.Reflection.Metadata;
using System.Text.RegularExpressions;

namespace AgentBudget.Architecture.Tests;

/// <summary>Project files keep to the table and to the central build files.</summary>
public sealed class ProjectTests
{
    public static TheoryData<string> ShippedNames => [.. ProjectFile.Shipped.Select(project => project.Name)];

    [Fact]
    public void The_table_names_every_shipped_project_and_no_other() =>
        Assert.Equal(ProjectFile.Shipped.Select(project => project.Name).Order(), ProjectTable.Rows.Keys.Order());

    [Fact]
    public void The_table_has_no_cycle() =>
        Assert.All(ProjectTable.Rows.Keys, project => Assert.DoesNotContain(project, ProjectTable.Reachable(project)));

    [Theory]
    [MemberData(nameof(ShippedNames))]
    public void A_project_references_what_the_table_allows(string name)
    {
        ProjectFile project = ProjectFile.Shipped.Single(candidate => candidate.Name == name);
        Findings.AreNone(project.References.Except(ProjectTable.Rows[name]));
    }

    [Theory]
    [MemberData(nameof(ShippedNames))]
    public void An_assembly_uses_what_the_table_reaches(string name)
    {
        using AssemblyFile assembly = AssemblyFile.Open(name);
        MetadataReader metadata = assembly.Metadata;
        IEnumerable<string> used = metadata.AssemblyReferences
            .Select(handle => metadata.GetString(metadata.GetAssemblyReference(handle).Name))
            .Where(reference => reference.StartsWith("AgentBudget.", StringComparison.Ordinal));
        Findings.AreNone(used.Except(ProjectTable.Reachable(name)));
    }

    [Fact]
    public void Every_project_is_in_the_solution()
    {
        string solution = Repository.Read("AgentBudget.sln").Replace('\\', '/');
        Findings.AreNone(ProjectFile.All
            .Select(project => project.Path)
            .Where(path => !solution.Contains($"\"{path}\"", StringComparison.Ordinal)));
    }

    [Fact]
    public void Every_project_stands_in_a_folder_of_its_name() =>
        Assert.All(ProjectFile.All, project => Assert.EndsWith(
            $"/{project.Name}/{project.Name}.csproj", project.Path, StringComparison.Ordinal));

    [Fact]
    public void Package_versions_are_central() =>
        Assert.All(ProjectFile.All, project => Assert.All(project.Elements("PackageReference"), reference =>
        {
            Assert.Null(reference.Attribute("Version"));
            Assert.Null(reference.Attribute("VersionOverride"));
            Assert.Empty(reference.Elements());
        }));

    [Fact]
    public void Package_versions_are_exact()
    {
        MatchCollection versions = Regex.Matches(Repository.Read("Directory.Packages.props"), "<PackageVersion .*/>");
        Assert.NotEmpty(versions);
        // A beta by its project's policy: its releases follow those of the packages beside it.
        const string Beta = "OpenTelemetry.Exporter.Prometheus.AspNetCore";
        Assert.All(versions, version => Assert.Matches(
            version.Value.Contains($"\"{Beta}\"", StringComparison.Ordinal)
                ? "Version=\"[0-9]+(\\.[0-9]+){2}-beta\\.[0-9]+\""
                : "Version=\"[0-9]+(\\.[0-9]+){1,3}\"",
            version.Value));
    }

    [Fact]
    public void Internals_are_visible_only_to_a_projects_own_tests() =>
        Findings.AreNone(ProjectFile.All.SelectMany(project => project
            .Includes("InternalsVisibleTo")
            .Where(friend => !IsTestOf(friend, project.Name))
            .Select(friend => $"{project.Name} to {friend}")));

    // AgentBudget.Storage.Tests test AgentBudget.Storage and what is below it: AgentBudget.Storage.Sqlite.
    // AgentBudget.Simulation steps activations and lanes from one thread, and AgentBudget.Runtime.Tests have the host
    // for that, which AgentBudget.Api.Tests use too. AgentBudget.Edge.Tests test what stands at the edge of a silo, of
    // which two projects have a part each; AgentBudget.Silo.Tests name the routes that the API serves.
    private static bool IsTestOf(string friend, string project) =>
        (friend == "AgentBudget.Simulation" && project is ("AgentBudget.Runtime" or "AgentBudget.Grains")) ||
        (friend is ("AgentBudget.Runtime.Tests" or "AgentBudget.Api.Tests")
            && project is ("AgentBudget.Runtime" or "AgentBudget.Grains")) ||
        (friend == "AgentBudget.Silo.Tests" && project == "AgentBudget.Api") ||
        (friend == "AgentBudget.Edge.Tests" && project is ("AgentBudget.Api" or "AgentBudget.Silo")) ||
        friend.EndsWith(".Tests", StringComparison.Ordinal)
        && $"{project}.".StartsWith(friend[..^"Tests".Length], StringComparison.Ordinal);

    [Fact]
    public void Only_generated_code_silences_warnings_by_project() =>
        Assert.Equal(
            ["AgentBudget.Protocol"],
            ProjectFile.Shipped.Where(project => project.Elements("NoWarn").Any()).Select(project => project.Name));

    [Fact]
    public void Warnings_are_errors_in_every_project()
    {
        Assert.Contains(
            "<TreatWarningsAsErrors>true</TreatWarningsAsErrors>",
            Repository.Read("Directory.Build.props"),
            StringComparison.Ordinal);
        string[] switches =
            ["TreatWarningsAsErrors", "WarningsNotAsErrors", "RunAnalyzers", "GenerateDocumentationFile"];
        Assert.All(ProjectFile.All, project => Assert.All(switches, name => Assert.Empty(project.Elements(name))));
    }

    [Fact]
    public void A_switch_without_an_arm_for_an_enum_value_breaks_the_build()
    {
        Assert.Contains(
            "dotnet_diagnostic.CS8509.severity = error", Repository.Read(".editorconfig"), StringComparison.Ordinal);
        Assert.All(
            Repository.FilesEnding(".csproj", ".props", ".targets"),
            file => Assert.DoesNotContain("CS8509;", Repository.Read(file), StringComparison.Ordinal));
    }
}
