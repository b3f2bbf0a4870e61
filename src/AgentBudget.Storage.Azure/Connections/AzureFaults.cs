using System.Net.Sockets;
using Azure;

namespace AgentBudget.Storage.Azure.Connections;

/// <summary>What Azure Storage says when it does not do something, as sentences.</summary>
internal static class AzureFaults
{
    private const string Nothing = "it has no store of AgentBudget; make it with --migrate";

    /// <summary>Whether a fault is the service's or the way's to it, and none of ours.</summary>
    public static bool IsStoreFault(Exception fault, CancellationToken cancellationToken) => fault switch
    {
        RequestFailedException or HttpRequestException or IOException or SocketException => true,
        OperationCanceledException => !cancellationToken.IsCancellationRequested, // The call's own timeout.
        AggregateException all => all.InnerExceptions.All(inner => IsStoreFault(inner, cancellationToken)),
        _ => false,
    };

    /// <summary>Whether a call was refused by its precondition, or since what it was to make is there.</summary>
    public static bool IsTaken(RequestFailedException fault) => fault.Status is 409 or 412;

    /// <summary>Why the service cannot be reached or used.</summary>
    public static StoreException SentenceOf(Exception fault)
    {
        Exception last = fault is AggregateException { InnerExceptions: [.., { } newest] } ? newest : fault;
        return new StoreException("the Azure store cannot be used: " + WhyOf(last), fault);
    }

    private static string WhyOf(Exception fault) => fault switch
    {
        RequestFailedException { ErrorCode: "AccountIsDisabled" } => "its account is disabled",
        RequestFailedException { Status: 401 or 403 } =>
            "the account does not accept the key of the connection string, or this machine's clock is far off",
        RequestFailedException { ErrorCode: "ContainerNotFound" or "TableNotFound" or "ResourceNotFound" } => Nothing,
        RequestFailedException { ErrorCode: "ServerBusy" } => "it is busy (ServerBusy)",
        RequestFailedException { ErrorCode: "OperationTimedOut" } => "it timed out (OperationTimedOut)",
        RequestFailedException { Status: 0 } refused when SocketFaultOf(refused) is { } socket =>
            $"nobody answers at its address ({socket.Message})",
        RequestFailedException refused =>
            $"{FirstLineOf(refused.Message)} ({refused.ErrorCode ?? $"{refused.Status}"})",
        OperationCanceledException => "it did not answer in time",
        _ => FirstLineOf(fault.Message),
    };

    private static SocketException? SocketFaultOf(Exception? fault)
    {
        for (; fault is not null; fault = fault.InnerException)
        {
            if (fault is SocketException socket) return socket;
        }

        return null;
    }

    // The rest lists headers.
    private static string FirstLineOf(string message) => message.Split('\n')[0].TrimEnd('\r', '.');
}
