using System.Runtime.InteropServices;

namespace AgentBudget.Api;

/// <summary>
/// Room for so many at once, of which each tenant may take its share: whoever takes more meets its own bound first.
/// Safe for any thread.
/// </summary>
/// <param name="most">Of all together.</param>
/// <param name="mostOfOne">Of one tenant.</param>
internal sealed class SharedRoom(int most, int mostOfOne)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, int> _ofTenants = new(StringComparer.Ordinal);
    private int _all;

    /// <summary>Takes one place, if there is one.</summary>
    /// <param name="tenant">Whose.</param>
    /// <param name="isOwnBound">Where there is none: the tenant has taken its share.</param>
    internal bool TryEnter(string tenant, out bool isOwnBound)
    {
        lock (_gate)
        {
            isOwnBound = _ofTenants.GetValueOrDefault(tenant) >= mostOfOne;
            if (isOwnBound || _all >= most)
                return false;
            CollectionsMarshal.GetValueRefOrAddDefault(_ofTenants, tenant, out _)++;
            _all++;
            return true;
        }
    }

    /// <summary>Gives a place back.</summary>
    internal void Leave(string tenant)
    {
        lock (_gate)
        {
            _all--;
            if (--CollectionsMarshal.GetValueRefOrNullRef(_ofTenants, tenant) == 0)
                _ofTenants.Remove(tenant);
        }
    }
}
