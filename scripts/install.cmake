# What `cmake --install` lays out under any prefix, and the Debian package made of it. The prefix may be moved afterwards:
# nothing that is installed knows it.
include(GNUInstallDirs)

# Help is the program's own: its manual pages and completions are what it prints, so they cannot lag behind it.
set(help_dir ${CMAKE_BINARY_DIR}/help)
add_custom_command(
  OUTPUT ${help_dir}/done
  COMMAND sh ${CMAKE_SOURCE_DIR}/scripts/help-files $<TARGET_FILE:lockstep> ${help_dir}
  COMMAND ${CMAKE_COMMAND} -E touch ${help_dir}/done
  DEPENDS lockstep ${CMAKE_SOURCE_DIR}/scripts/help-files
  COMMENT "Printing manual pages and completions" VERBATIM)
add_custom_target(help_files ALL DEPENDS ${help_dir}/done)

install(TARGETS lockstep RUNTIME)
install(FILES mpi_worker/lockstep_plugin.h TYPE INCLUDE)
install(DIRECTORY ${help_dir}/man1 DESTINATION ${CMAKE_INSTALL_MANDIR} FILES_MATCHING PATTERN "*.1")
install(FILES ${help_dir}/lockstep.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME lockstep)
install(FILES ${help_dir}/_lockstep DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(DIRECTORY jobs/ DESTINATION ${CMAKE_INSTALL_DATADIR}/lockstep/examples USE_SOURCE_PERMISSIONS)
if(EXISTS ${CMAKE_SOURCE_DIR}/slurm)
  install(DIRECTORY slurm/ DESTINATION ${CMAKE_INSTALL_DATADIR}/lockstep/slurm USE_SOURCE_PERMISSIONS)
endif()
install(FILES README.md TYPE DOC)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME lockstep)
set(CPACK_PACKAGE_CONTACT "Lockstep's maintainers <maintainers@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "AWS Step Functions state machines on a cluster")
set(CPACK_PACKAGE_DESCRIPTION "Runs workflows written in the Amazon States Language on Open MPI ranks. Their state is
kept in HDF5 files, so that a run survives kill, time limit and the loss of a node.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS openmpi-bin)  # for --ranks; alone it runs without
include(CPack)
