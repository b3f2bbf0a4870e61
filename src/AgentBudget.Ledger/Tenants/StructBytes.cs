using System.Buffers;
using System.Runtime.InteropServices;
using Google.Protobuf;

namespace AgentBudget.Ledger.Tenants;

/// <summary>
/// Plain structs as the bytes that they are in memory, without a copy of them: of what is stored there may be hundreds
/// of megabytes. The structs must not change while the bytes are in use.
/// </summary>
internal sealed class StructBytes<T> : MemoryManager<byte>
    where T : unmanaged
{
    private readonly Memory<T> _structs;

    private StructBytes(ReadOnlyMemory<T> structs) => _structs = MemoryMarshal.AsMemory(structs);

    public static ByteString Of(ReadOnlyMemory<T> structs)
    {
        Invariant.Holds(BitConverter.IsLittleEndian); // What is stored is the structs' own bytes.
        return UnsafeByteOperations.UnsafeWrap(new StructBytes<T>(structs).Memory);
    }

    public override Span<byte> GetSpan() => MemoryMarshal.AsBytes(_structs.Span);

    public override MemoryHandle Pin(int elementIndex = 0) => throw new NotSupportedException();

    public override void Unpin()
    {
        // Nothing is ever pinned.
    }

    protected override void Dispose(bool disposing)
    {
        // The collector owns the structs.
    }
}
