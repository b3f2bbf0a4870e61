using System.Net;
using Azure.Data.Tables;
using Azure.Storage.Blobs;

namespace AgentBudget.Storage.Azure.Connections;

/// <summary>How a storage account is named.</summary>
public static class AzureConnectionString
{
    private const string KeyPart = "AccountKey=";

    private const string Form =
        "must be DefaultEndpointsProtocol=https;AccountName=…;AccountKey=…, as the portal shows it.";

    /// <summary>What is wrong with a connection string, as a sentence; null for one that can be tried.</summary>
    public static string? FaultOf(string connection)
    {
        try
        {
            Uri[] places = [new BlobServiceClient(connection).Uri, new TableServiceClient(connection).Uri];
            if (!IsKey(connection)) return Form;
            return places.All(place => place.Scheme == Uri.UriSchemeHttps || IsLoopback(place))
                ? null
                : "must use https: with http, keys and ledgers could be read on the way.";
        }
        catch (Exception fault) when (fault is ArgumentException or FormatException or InvalidOperationException)
        {
            return Form;
        }
    }

    // The libraries look at it no sooner than it is used.
    private static bool IsKey(string connection) =>
        connection.Split(';').FirstOrDefault(part => part.StartsWith(KeyPart, StringComparison.OrdinalIgnoreCase))
            is not { } part
        || Convert.TryFromBase64String(part[KeyPart.Length..], new byte[part.Length], out _);

    internal static bool IsLoopback(Uri place) =>
        place.IsLoopback || (IPAddress.TryParse(place.Host, out IPAddress? address) && IPAddress.IsLoopback(address));
}
