using System.Xml.Linq;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.DataProtection.Repositories;
using Microsoft.AspNetCore.DataProtection.XmlEncryption;
using Microsoft.Extensions.DependencyInjection;

namespace AgentBudget.Dashboard.Hosting;

/// <summary>
/// The keys that ASP.NET Core protects the state of pages with. They live as long as the process and are written
/// nowhere: by default they would lie unencrypted in the home folder of whoever starts the process.
/// </summary>
public static class PageKeys
{
    /// <summary>Keeps the keys in memory.</summary>
    public static IServiceCollection AddPageKeys(this IServiceCollection services) =>
        services.Configure<KeyManagementOptions>(keys =>
        {
            keys.XmlRepository = new Memory();
            keys.XmlEncryptor = new NullXmlEncryptor();
        });

    private sealed class Memory : IXmlRepository
    {
        private readonly Lock _lock = new();
        private readonly List<XElement> _elements = [];

        public IReadOnlyCollection<XElement> GetAllElements()
        {
            lock (_lock) return [.. _elements];
        }

        public void StoreElement(XElement element, string friendlyName)
        {
            lock (_lock) _elements.Add(element);
        }
    }
}
