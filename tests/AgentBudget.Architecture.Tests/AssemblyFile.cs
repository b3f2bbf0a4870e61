using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace AgentBudget.Architecture.Tests;

/// <summary>A built assembly and its symbols, read as metadata and never loaded.</summary>
internal sealed class AssemblyFile : IDisposable
{
    private readonly PEReader _image;
    private readonly MetadataReaderProvider _symbols;

    private AssemblyFile(string path)
    {
        Assert.True(File.Exists(path), $"{path} is not built: reference its project");
        _image = new PEReader(File.OpenRead(path));
        Metadata = _image.GetMetadataReader();
        _symbols = MetadataReaderProvider.FromPortablePdbStream(File.OpenRead(Path.ChangeExtension(path, ".pdb")));
        Symbols = _symbols.GetMetadataReader();
    }

    /// <summary>Types, members and references.</summary>
    public MetadataReader Metadata { get; }

    /// <summary>Where each method stands in its source.</summary>
    public MetadataReader Symbols { get; }

    /// <summary>Opens the assembly of a project; the caller disposes it.</summary>
    public static AssemblyFile Open(string name) => new(Path.Combine(AppContext.BaseDirectory, $"{name}.dll"));

    /// <summary>Every member of another assembly that the code names: <c>System.IO.File.ReadAllText</c>.</summary>
    public IEnumerable<string> ReferencedMembers()
    {
        foreach (MemberReferenceHandle handle in Metadata.MemberReferences)
        {
            MemberReference member = Metadata.GetMemberReference(handle);
            string? type = NameOf(member.Parent);
            if (type is not null) yield return $"{type}.{Metadata.GetString(member.Name)}";
        }
    }

    /// <summary>Every type of another assembly that the code names.</summary>
    public IEnumerable<string> ReferencedTypes() =>
        Metadata.TypeReferences.Select(handle => NameOf((EntityHandle)handle)!);

    /// <inheritdoc/>
    public void Dispose()
    {
        _symbols.Dispose();
        _image.Dispose();
    }

    private string? NameOf(EntityHandle handle) => handle.Kind switch
    {
        HandleKind.TypeReference => NameOf((TypeReferenceHandle)handle),
        HandleKind.TypeSpecification => NameOfGeneric((TypeSpecificationHandle)handle),
        _ => null, // Members of this assembly's own types.
    };

    private string NameOf(TypeReferenceHandle handle)
    {
        TypeReference type = Metadata.GetTypeReference(handle);
        string name = Metadata.GetString(type.Name);
        if (type.ResolutionScope.Kind == HandleKind.TypeReference)
        {
            return $"{NameOf((TypeReferenceHandle)type.ResolutionScope)}.{name}";
        }
        return $"{Metadata.GetString(type.Namespace)}.{name}";
    }

    private string? NameOfGeneric(TypeSpecificationHandle handle)
    {
        BlobReader signature = Metadata.GetBlobReader(Metadata.GetTypeSpecification(handle).Signature);
        if (signature.ReadSignatureTypeCode() != SignatureTypeCode.GenericTypeInstance) return null;
        signature.ReadByte(); // Class or value type.
        return NameOf(signature.ReadTypeHandle());
    }
}
