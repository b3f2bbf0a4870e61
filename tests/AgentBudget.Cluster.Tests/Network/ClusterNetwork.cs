using System.Globalization;
using System.Net;
using AgentBudget.Cluster.Tests.Support;

namespace AgentBudget.Cluster.Tests.Network;

/// <summary>
/// A namespace for each silo and one for the store, and a wire between them. A silo finds the store at its usual
/// address, on its loopback; what it says there goes over the wire. Callers reach a silo inside its namespace, so they
/// are never cut off. Silos show each other certificates, as on machines of their own.
/// </summary>
internal sealed class ClusterNetwork : IAsyncDisposable
{
    private readonly List<NetNamespace> _silos = [];
    private readonly List<Relay> _relays = [];
    private readonly SiloCertificates _certificates;
    private NetNamespace? _store;

    private ClusterNetwork(string folder, int seed)
    {
        _certificates = new SiloCertificates(Path.Combine(folder, "certificates"));
        Wire = new Wire(seed);
    }

    public Wire Wire { get; }

    /// <summary>The store's place on the wire; silos have those before it.</summary>
    public int StorePlace => _silos.Count;

    public static async Task<ClusterNetwork> CreateAsync(
        string folder, int silos, IReadOnlyList<int> storePorts, int seed)
    {
        ClusterNetwork network = new(folder, seed);
        try
        {
            for (int silo = 0; silo < silos; silo++) network._silos.Add(await network.AddAsync(silo));
            network._store = await network.AddAsync(silos);
            IPAddress address = IPAddress.Parse(Wire.AddressOf(network.StorePlace));
            foreach (int port in storePorts)
            {
                network._relays.Add(Relay.ToMachine(network._store, address, port));
                network._relays.AddRange(network._silos.Select(silo => Relay.ToWire(silo, address, port)));
            }

            return network;
        }
        catch
        {
            await network.DisposeAsync();
            throw;
        }
    }

    /// <summary>A silo at its place, not started.</summary>
    public ClusterSilo NewSilo(int place, string folder, IReadOnlyList<string> store, string keyFile)
    {
        string port = Ports.Free().Split(':')[^1];
        return new ClusterSilo(
            folder, store, keyFile, _certificates.Make(string.Create(CultureInfo.InvariantCulture, $"silo{place}")))
        {
            Inside = _silos[place],
            Address = $"{Wire.AddressOf(place)}:{port}",
        };
    }

    /// <summary>What happens on the ways between a silo and all others.</summary>
    public void SetAround(int silo, Way towards, Way from)
    {
        for (int other = 0; other < _silos.Count; other++)
        {
            if (other == silo) continue;
            Wire.Set(other, silo, towards);
            Wire.Set(silo, other, from);
        }
    }

    /// <summary>What happens on all ways.</summary>
    public void SetAll(Way way)
    {
        for (int from = 0; from <= StorePlace; from++)
        {
            for (int to = 0; to <= StorePlace; to++) Wire.Set(from, to, way);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (Relay relay in _relays) await relay.DisposeAsync();
        foreach (NetNamespace silo in _silos) await silo.DisposeAsync();
        if (_store is not null) await _store.DisposeAsync();
        Wire.Dispose();
        _certificates.Dispose();
    }

    private async Task<NetNamespace> AddAsync(int place)
    {
        NetNamespace made = await NetNamespace.CreateAsync(
            string.Create(CultureInfo.InvariantCulture, $"ab{Environment.ProcessId}-{place}"));
        await Wire.ConnectAsync(made);
        return made;
    }
}
