using System.Xml.Linq;

namespace AgentBudget.Architecture.Tests;

/// <summary>A project file, read as XML.</summary>
internal sealed class ProjectFile
{
    private readonly XDocument _document;

    private ProjectFile(string path)
    {
        Path = path;
        Name = System.IO.Path.GetFileNameWithoutExtension(path);
        _document = XDocument.Parse(Repository.Read(path));
    }

    /// <summary>Path from the repository's root.</summary>
    public string Path { get; }

    /// <summary>Project, assembly and namespace name: they are one.</summary>
    public string Name { get; }

    /// <summary>All projects of the repository.</summary>
    public static IReadOnlyList<ProjectFile> All { get; } =
        [.. Repository.FilesEnding(".csproj").Select(path => new ProjectFile(path))];

    /// <summary>The projects in <c>src/</c>.</summary>
    public static IReadOnlyList<ProjectFile> Shipped { get; } =
        [.. All.Where(project => project.Path.StartsWith("src/", StringComparison.Ordinal))];

    /// <summary>Names of the projects it references.</summary>
    public IEnumerable<string> References =>
        Includes("ProjectReference").Select(include => System.IO.Path.GetFileNameWithoutExtension(include));

    /// <summary>The <c>Include</c> values of the items of a kind.</summary>
    public IEnumerable<string> Includes(string item) =>
        _document.Descendants(item).Select(element => element.Attribute("Include")!.Value);

    /// <summary>Elements of a name, wherever they stand.</summary>
    public IEnumerable<XElement> Elements(string name) => _document.Descendants(name);
}
