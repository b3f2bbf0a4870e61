using AgentBudget.Api.Catalogs.Documents;
using AgentBudget.Protocol.V1;
using AgentBudget.Silo.Options;

namespace AgentBudget.Silo.Hosting;

/// <summary>A catalog file, read without faults.</summary>
internal sealed record CatalogDocument(string Path, string Text, CatalogReading Reading)
{
    /// <summary>Throws <see cref="OptionsException"/> that names every fault with its line.</summary>
    internal static CatalogDocument Read(string path)
    {
        try
        {
            if (new FileInfo(path).Length > CatalogReader.DocumentBytesMax)
                throw new OptionsException($"{path} is larger than {CatalogReader.DocumentBytesMax} bytes.");
            string text = File.ReadAllText(path);
            CatalogReading reading = CatalogReader.Read(text, CatalogFormat.Yaml);
            if (reading.Faults.Count == 0)
                return new CatalogDocument(path, text, reading);
            IEnumerable<string> faults = reading.Faults.OrderBy(fault => fault.Line).Select(fault => $"  {fault}");
            throw new OptionsException($"{path} has faults:\n" + string.Join('\n', faults));
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new OptionsException($"{path} cannot be read: {fault.Message}");
        }
    }
}
