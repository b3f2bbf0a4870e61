using System.Globalization;
using System.Security.Cryptography;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace AgentBudget.Client;

/// <summary>Request ids that no other client makes: 96 random bits of this one, and a number.</summary>
internal sealed class RequestIds
{
    private const int RandomBytes = 12;

    private readonly string _prefix = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(RandomBytes));
    private long _last;

    public string Next() =>
        string.Create(CultureInfo.InvariantCulture, $"{_prefix}-{Interlocked.Increment(ref _last)}");

    /// <summary>
    /// The request as it is sent: itself where it has an id or none is asked for, else a copy with one. A copy, because
    /// a caller may send one message twice and mean two calls.
    /// </summary>
    public (T Request, string RequestId) Complete<T>(T request)
        where T : class, IMessage<T>
    {
        FieldDescriptor? field = request.Descriptor.FindFieldByName("request_id");
        if (field is null) return (request, "");
        string given = (string)field.Accessor.GetValue(request);
        if (given.Length > 0) return (request, given);
        T copy = ((IDeepCloneable<T>)request).Clone();
        string made = Next();
        field.Accessor.SetValue(copy, made);
        return (copy, made);
    }
}
