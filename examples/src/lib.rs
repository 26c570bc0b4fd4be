//! Small programs that use Convoke.
